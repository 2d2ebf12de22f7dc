package dev.finetune.trainer.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ContainerNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.util.RawValue;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Ways to make a hostile input of a valid one, each a function of the seed alone. */
final class Mutations {
  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final int LARGEST = 1 << 20;

  /** Numbers at the edge of what 8 bytes and fewer hold, and products that overflow. */
  private static final long[] NUMBERS = {
    0,
    1,
    2,
    3,
    7,
    8,
    31,
    32,
    63,
    64,
    127,
    128,
    255,
    256,
    65535,
    65536,
    1L << 20,
    1L << 24,
    1L << 31,
    (1L << 31) - 1,
    (1L << 32) - 1,
    1L << 32,
    1L << 40,
    1L << 60,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -2,
    -32,
    Integer.MIN_VALUE
  };

  /** Values of JSON, as they are written, that readers have stumbled over. */
  private static final String[] VALUES = {
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[[]]",
    "[null]",
    "{\"\":null}",
    "\"\"",
    "0",
    "-0",
    "-1",
    "1.5",
    "1e308",
    "1e309",
    "-1e309",
    "1e999999999",
    "1e-999999999",
    "1E400",
    "9".repeat(99),
    "9".repeat(1200),
    "-" + "9".repeat(40),
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775809",
    "0.1e1000000000",
    "\"NaN\"",
    "\"Infinity\"",
    "\"-Infinity\"",
    "\"1e999\"",
    "\"0x10\"",
    "\"\\ud800\"",
    "\"\\udc00x\"",
    "\"\\u202e\\u0000\\n\"",
    "\"\\u001b[31m\"",
    "\"../../etc/passwd\"",
    "\"/etc/passwd\"",
    "\"a/../../b\"",
    "\"a\\\\b\"",
    "\"file:///dev/zero\"",
    "\"" + "x".repeat(3000) + "\"",
    "\"" + "/".repeat(500) + "\"",
    "\"" + "(a*)*".repeat(40) + "\"",
    "\"" + "(|)".repeat(60) + "\"",
    "\"(?x)a#\"",
    "\"\\\\Qa\"",
    "[" + "1,".repeat(500) + "1]",
    "[".repeat(40) + "]".repeat(40),
    "{\"a\":".repeat(60) + "1" + "}".repeat(60),
    "[0,4611686018427387904,8]",
    "[4294967296,4294967296,4294967296]",
    "[-1]",
    "[1e2]",
    "[9223372036854775807,2]",
    "\"2026-01-01T00:00:00Z\"",
    "\"+1000000000-12-31T23:59:59Z\"",
    "\"-1000000000-01-01T00:00:00Z\""
  };

  /** Pieces of text that break out of where they stand. */
  private static final String[] PIECES = {
    "\0",
    "\n",
    "\r\n",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "!t ",
    "---\n",
    "? ",
    "- ",
    "| ",
    "> ",
    "%YAML 9\n",
    "\ufeff",
    "\u202e",
    "\ud800",
    "../",
    "//",
    "~",
    "1_000",
    "0o17",
    ".nan",
    ".inf",
    "[[[[[[[[[[[[[[[[",
    "{{{{{{{{{{{{",
    "\u0085",
    "\u2028",
    "'",
    "`",
    "@",
    "#",
    "1e999999999"
  };

  private Mutations() {}

  /** Changes bytes: flips, cuts, copies, edge numbers, pieces of text. */
  static byte[] bytes(byte[] input, SplittableRandom random) {
    byte[] bytes = input;
    for (int n = 1 + random.nextInt(4); n > 0; n--) {
      bytes = once(bytes, random);
    }
    return bytes;
  }

  /** As {@link #bytes}, but changes only the front of the input, where a head is. */
  static FuzzTarget.Mutation head(int length) {
    return (input, random) -> {
      int head = Math.min(length, input.length);
      byte[] front = bytes(Arrays.copyOf(input, head), random);
      return concat(front, Arrays.copyOfRange(input, head, input.length));
    };
  }

  private static byte[] once(byte[] bytes, SplittableRandom random) {
    int at = random.nextInt(bytes.length + 1);
    int length = Math.min(bytes.length - at, 1 << random.nextInt(10));
    return switch (random.nextInt(8)) {
      case 0 -> Arrays.copyOf(bytes, at);
      case 1 -> splice(bytes, at, length, new byte[0]);
      case 2 -> splice(bytes, at, 0, Arrays.copyOfRange(bytes, at, at + length));
      case 3 -> splice(bytes, at, 0, utf8(pick(PIECES, random)));
      case 4 -> splice(bytes, at, 0, utf8(pick(VALUES, random)));
      case 5, 6 -> number(bytes, random);
      default -> flip(bytes, random);
    };
  }

  private static byte[] flip(byte[] bytes, SplittableRandom random) {
    byte[] flipped = bytes.clone();
    if (flipped.length > 0) {
      flipped[random.nextInt(flipped.length)] ^= (byte) (1 + random.nextInt(255));
    }
    return flipped;
  }

  /** Puts an edge number, or one close to what is there, over 1 to 8 bytes, little endian. */
  private static byte[] number(byte[] bytes, SplittableRandom random) {
    int width = 1 << random.nextInt(4);
    if (bytes.length < width) {
      return bytes;
    }
    int at = random.nextInt(bytes.length - width + 1);
    byte[] eight = new byte[Long.BYTES];
    System.arraycopy(bytes, at, eight, 0, width);
    long old = ByteBuffer.wrap(eight).order(ByteOrder.LITTLE_ENDIAN).getLong();
    long next =
        random.nextBoolean()
            ? NUMBERS[random.nextInt(NUMBERS.length)]
            : old + random.nextInt(-4, 5);
    ByteBuffer.wrap(eight).order(ByteOrder.LITTLE_ENDIAN).putLong(next);
    byte[] changed = bytes.clone();
    System.arraycopy(eight, 0, changed, at, width);
    return changed;
  }

  /** Changes the tree of a JSON document, and now and then its text too. */
  static byte[] json(byte[] input, SplittableRandom random) {
    JsonNode tree;
    try {
      tree = MAPPER.readTree(input);
    } catch (IOException e) {
      return bytes(input, random);
    }
    for (int n = 1 + random.nextInt(3); n > 0; n--) {
      change(tree, random);
    }
    byte[] text = utf8(tree.toString());
    return random.nextInt(8) == 0 ? bytes(text, random) : text;
  }

  /** Changes one line of several as JSON. */
  static byte[] jsonLines(byte[] input, SplittableRandom random) {
    List<String> lines =
        new ArrayList<>(new String(input, StandardCharsets.UTF_8).lines().toList());
    if (lines.isEmpty() || random.nextInt(4) == 0) {
      return bytes(input, random);
    }
    int at = random.nextInt(lines.size());
    lines.set(at, new String(json(utf8(lines.get(at)), random), StandardCharsets.UTF_8));
    return utf8(String.join("\n", lines));
  }

  /** Changes the JSON at the head of a safetensors file and tells its length right. */
  static byte[] safetensors(byte[] input, SplittableRandom random) {
    long length = ByteBuffer.wrap(input).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] json = json(Arrays.copyOfRange(input, 8, (int) (8 + length)), random);
    byte[] size =
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array();
    byte[] data = Arrays.copyOfRange(input, (int) (8 + length), input.length);
    return concat(concat(size, json), data);
  }

  /** Takes one of two ways. */
  static FuzzTarget.Mutation either(FuzzTarget.Mutation one, FuzzTarget.Mutation other) {
    return (input, random) ->
        random.nextBoolean() ? one.mutate(input, random) : other.mutate(input, random);
  }

  private static void change(JsonNode tree, SplittableRandom random) {
    List<ContainerNode<?>> containers = new ArrayList<>();
    collect(tree, containers);
    if (containers.isEmpty()) {
      return;
    }
    // Most containers of a tokenizer are entries of long lists; the outer ones decide more.
    int bound = random.nextBoolean() ? Math.min(12, containers.size()) : containers.size();
    switch (containers.get(random.nextInt(bound))) {
      case ObjectNode object -> change(object, random);
      case ArrayNode array -> change(array, random);
      default -> throw new IllegalStateException("a container is an object or a list");
    }
  }

  private static void change(ObjectNode object, SplittableRandom random) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    String name = names.isEmpty() ? "a" : names.get(random.nextInt(names.size()));
    String other = names.isEmpty() ? "b" : names.get(random.nextInt(names.size()));
    switch (random.nextInt(7)) {
      case 0 -> object.remove(name);
      case 1 -> object.set(pick(PIECES, random) + name, object.get(other));
      case 2 -> object.set(name, object.get(other));
      case 3 -> {
        // The same name twice.
        String value = object.has(name) ? object.get(name).toString() : "1";
        String twice = value + ",\"" + name + "\":" + pick(VALUES, random);
        object.putRawValue(name, new RawValue(twice));
      }
      default -> object.putRawValue(name, new RawValue(pick(VALUES, random)));
    }
  }

  private static void change(ArrayNode array, SplittableRandom random) {
    int at = array.isEmpty() ? 0 : random.nextInt(array.size());
    switch (random.nextInt(5)) {
      case 0 -> array.remove(at);
      case 1 -> array.insert(at, array.get(at));
      case 2 -> array.removeAll();
      default -> array.insertRawValue(at, new RawValue(pick(VALUES, random)));
    }
  }

  private static void collect(JsonNode node, List<ContainerNode<?>> containers) {
    if (node instanceof ContainerNode<?> container) {
      containers.add(container);
      container.forEach(child -> collect(child, containers));
    }
  }

  private static byte[] splice(byte[] bytes, int at, int removed, byte[] inserted) {
    if (bytes.length + inserted.length > LARGEST) {
      return bytes;
    }
    byte[] tail = Arrays.copyOfRange(bytes, at + removed, bytes.length);
    return concat(concat(Arrays.copyOf(bytes, at), inserted), tail);
  }

  private static byte[] concat(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  private static String pick(String[] choices, SplittableRandom random) {
    return choices[random.nextInt(choices.length)];
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
