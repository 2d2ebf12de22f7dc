package dev.finetune.trainer.fuzz;

import com.github.luben.zstd.Zstd;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.rows.Row;
import dev.finetune.trainer.rows.RowSink;
import dev.finetune.trainer.rows.RowSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Supplier;
import java.util.zip.GZIPOutputStream;

/** Files of rows that are no JSON lines. */
final class RowTargets {
  private static final String CSV = "text,label\n\"a, \"\"b\"\"\nc\",1\n,\nd,2\n";
  private static final String LINES = "{\"text\":\"a\"}\n{\"text\":\"b\"}\n".repeat(20);

  private RowTargets() {}

  static List<FuzzTarget> all() {
    return List.of(
        target("rows.csv", () -> List.of(ModelTargets.utf8(CSV))),
        target("rows.txt", () -> List.of(ModelTargets.utf8("a\nb\n\n\nc\r\n"))),
        target("rows.jsonl.gz", () -> List.of(gzip(ModelTargets.utf8(LINES)))),
        target("rows.jsonl.zst", () -> List.of(Zstd.compress(ModelTargets.utf8(LINES)))),
        target(
            "rows.parquet",
            () ->
                List.of(
                    ModelTargets.golden("parquet/none.parquet"),
                    ModelTargets.golden("parquet/snappy.parquet"))));
  }

  private static FuzzTarget target(String name, Supplier<List<byte[]>> seeds) {
    return new FuzzTarget(
        name,
        seeds,
        Mutations::bytes,
        (input, folder) ->
            RowSource.of(ModelTargets.write(folder, name, input))
                .forEach(
                    new RowSink() {
                      @Override
                      public void row(Row row) {
                        row.require("text");
                      }

                      @Override
                      public void broken(String file, String place, UnreadableData problem) {
                        throw problem;
                      }
                    }),
        List.of(name));
  }

  private static byte[] gzip(byte[] content) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
