package dev.finetune.trainer.engine;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes a TorchScript archive around a source text: a zip of stored entries with a pickle that
 * makes one object of the class {@code Kernels}. The format is that of {@code torch.jit.save}.
 */
final class KernelArchive {
  private static final int PICKLE_PROTOCOL = 0x80;
  private static final int PICKLE_NEW_OBJECT = 0x81;
  private static final int PICKLE_TRUE = 0x88;

  private KernelArchive() {}

  /** Returns the bytes of an archive whose only class is {@code Kernels} with this source. */
  static byte[] of(String source) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      put(zip, "kernels/data.pkl", instance());
      put(zip, "kernels/code/__torch__.py", source.getBytes(StandardCharsets.UTF_8));
      put(zip, "kernels/constants.pkl", new byte[] {(byte) PICKLE_PROTOCOL, 2, ')', '.'});
      put(zip, "kernels/version", "10\n".getBytes(StandardCharsets.US_ASCII));
    }
    return bytes.toByteArray();
  }

  /** Returns the pickle of an object of class {@code Kernels} with {@code training = True}. */
  private static byte[] instance() {
    byte[] attribute = "training".getBytes(StandardCharsets.US_ASCII);
    ByteArrayOutputStream pickle = new ByteArrayOutputStream();
    pickle.write(PICKLE_PROTOCOL);
    pickle.write(2);
    pickle.writeBytes("c__torch__\nKernels\n".getBytes(StandardCharsets.US_ASCII));
    pickle.writeBytes(new byte[] {'q', 0, ')'});
    pickle.write(PICKLE_NEW_OBJECT);
    pickle.writeBytes(new byte[] {'}', '(', 'X', (byte) attribute.length, 0, 0, 0});
    pickle.writeBytes(attribute);
    pickle.write(PICKLE_TRUE);
    pickle.writeBytes(new byte[] {'u', 'b', '.'});
    return pickle.toByteArray();
  }

  private static void put(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }
}
