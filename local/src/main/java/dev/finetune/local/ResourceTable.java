package dev.finetune.local;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What {@code kubectl get -o wide} prints, for machines without kubectl. */
final class ResourceTable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String GAP = "   ";

  private ResourceTable() {}

  /**
   * Asks the API server for a table and lays it out in columns.
   *
   * @throws IOException if the server does not answer with a table
   */
  static String fetch(URI collection) throws IOException, InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpResponse<byte[]> answer =
          http.send(
              HttpRequest.newBuilder(collection)
                  .header("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
                  .build(),
              BodyHandlers.ofByteArray());
      JsonNode table = JSON.readTree(answer.body());
      if (!table.path("kind").asText().equals("Table")) {
        throw new IOException("expected a Table from " + collection + ", found " + table);
      }
      return layOut(table);
    }
  }

  private static String layOut(JsonNode table) {
    List<List<String>> rows = new ArrayList<>();
    List<String> header = new ArrayList<>();
    table
        .path("columnDefinitions")
        .forEach(c -> header.add(c.path("name").asText().toUpperCase(Locale.ROOT)));
    rows.add(header);
    for (JsonNode row : table.path("rows")) {
      List<String> cells = new ArrayList<>();
      row.path("cells").forEach(cell -> cells.add(cell.isNull() ? "" : cell.asText()));
      rows.add(cells);
    }
    StringBuilder text = new StringBuilder();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        int width = rows.stream().mapToInt(other -> other.get(at).length()).max().orElse(0);
        line.append(row.get(column)).append(" ".repeat(width - row.get(column).length()));
        line.append(GAP);
      }
      text.append(line.toString().stripTrailing()).append('\n');
    }
    return text.toString();
  }
}
