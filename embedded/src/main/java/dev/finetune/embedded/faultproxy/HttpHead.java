package dev.finetune.embedded.faultproxy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The first line and the headers of an HTTP/1.1 message.
 *
 * @param first first line
 * @param lines header lines as received
 */
record HttpHead(String first, List<String> lines) {
  private static final int MAX_BYTES = 1 << 16;

  /** Reads one, or returns null if the stream ends before it. */
  static @Nullable HttpHead read(InputStream in) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int matched = 0;
    while (matched < 4) {
      int b = in.read();
      if (b < 0) {
        if (bytes.size() == 0) {
          return null;
        }
        throw new IOException("the connection ended within the head of a message");
      }
      bytes.write(b);
      if (bytes.size() > MAX_BYTES) {
        throw new IOException("head of a message above " + MAX_BYTES + " bytes");
      }
      matched = b == "\r\n\r\n".charAt(matched) ? matched + 1 : b == '\r' ? 1 : 0;
    }
    List<String> lines =
        new ArrayList<>(bytes.toString(StandardCharsets.ISO_8859_1).strip().lines().toList());
    return new HttpHead(lines.removeFirst(), List.copyOf(lines));
  }

  /** Returns the headers by name in lower case. */
  Map<String, String> headers() {
    Map<String, String> headers = new TreeMap<>();
    for (String line : lines) {
      headers.put(name(line), line.substring(line.indexOf(':') + 1).strip());
    }
    return headers;
  }

  /** Returns a head without some headers and with some lines added. */
  HttpHead with(List<String> dropped, String... added) {
    List<String> changed = new ArrayList<>();
    for (String line : lines) {
      if (!dropped.contains(name(line))) {
        changed.add(line);
      }
    }
    changed.addAll(List.of(added));
    return new HttpHead(first, List.copyOf(changed));
  }

  byte[] bytes() {
    StringBuilder text = new StringBuilder(first).append("\r\n");
    lines.forEach(line -> text.append(line).append("\r\n"));
    return text.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  private static String name(String line) {
    int colon = line.indexOf(':');
    return (colon < 0 ? line : line.substring(0, colon)).strip().toLowerCase(Locale.ROOT);
  }
}
