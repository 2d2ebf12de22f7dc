package dev.finetune.trainer.fuzz;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.audit.AuditSettings;
import dev.finetune.trainer.audit.SettingNames;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.chat.ChatTemplate;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.quant.BitsAndBytesReader;
import dev.finetune.trainer.tokenizer.SpecialTokensInText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.weights.GgufReader;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import dev.finetune.trainer.weights.WeightReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The files of a model, an adapter and a data set. */
final class ModelTargets {
  private static final String MODEL = "models/tiny-llama/";
  private static final String TEXT =
      "Hello  world\n\n 123456 don't \u00e9\u4e16\ud83d\ude00 <|endoftext|>aaaaaaaaaaaaaaaaaaaa\t!";
  private static final int GGUF_HEAD = 18_000;

  private ModelTargets() {}

  static List<FuzzTarget> all() {
    return List.of(
        new FuzzTarget(
            "safetensors",
            () -> List.of(golden("lora/llama-layer1-regex/final/adapter_model.safetensors")),
            Mutations.either(Mutations::safetensors, Mutations.head(1600)),
            (input, folder) ->
                readAll(SafetensorsReader.open(write(folder, "model.safetensors", input))),
            List.of("model.safetensors")),
        new FuzzTarget(
            "safetensors-index",
            () ->
                List.of(
                    utf8(
                        """
                        {"metadata": {"total_size": 8},
                         "weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
                        """)),
            Mutations::json,
            ModelTargets::readIndex,
            List.of("work")),
        new FuzzTarget(
            "bitsandbytes",
            () -> List.of(golden("bnb/model.safetensors")),
            Mutations.either(Mutations::safetensors, Mutations.head(9000)),
            ModelTargets::readQuantized,
            List.of("model.safetensors")),
        new FuzzTarget(
            "gguf",
            () -> List.of(golden("gguf/tiny-Q4_1.gguf")),
            Mutations.head(GGUF_HEAD),
            (input, folder) -> readAll(GgufReader.open(write(folder, "model.gguf", input))),
            List.of("model.gguf")),
        new FuzzTarget(
            "gguf-model",
            () -> List.of(golden("gguf/tiny-Q4_1.gguf")),
            Mutations.head(GGUF_HEAD),
            (input, folder) -> {
              try (BaseModel model = BaseModel.open(write(folder, "model.gguf", input))) {
                use(model.tokenizer());
              }
            },
            List.of("model.gguf")),
        new FuzzTarget(
            "config",
            () ->
                List.of(
                    golden(MODEL + "config.json"), golden("models/tiny-llama3rope/config.json")),
            Mutations::json,
            (input, folder) -> BaseModel.readConfig(write(folder, "config.json", input)),
            List.of("config.json")),
        new FuzzTarget(
            "tokenizer",
            TokenizerSeeds::all,
            Mutations::json,
            (input, folder) -> readTokenizer("tokenizer.json", input, folder),
            List.of("work")),
        new FuzzTarget(
            "tokenizer-config",
            () -> List.of(golden(MODEL + "tokenizer_config.json")),
            Mutations::json,
            (input, folder) -> readTokenizer("tokenizer_config.json", input, folder),
            List.of("work")),
        new FuzzTarget(
            "adapter-config",
            () ->
                List.of(
                    golden("lora/llama-layer1-regex/final/adapter_config.json"),
                    golden("lora/llama-dora/final/adapter_config.json")),
            Mutations::json,
            (input, folder) ->
                AdapterConfig.read(write(folder, "adapter_config.json", input))
                    .settings()
                    .shape(modules()),
            List.of("adapter_config.json", "spec.adapter", "_modules: ", "_pattern[")));
  }

  static List<FuzzTarget> dataSets() {
    return List.of(
        new FuzzTarget(
            "chat-template",
            ModelTargets::chatTemplates,
            Mutations::bytes,
            (input, folder) -> renderChat(new String(input, StandardCharsets.UTF_8)),
            List.of("chat.jinja")),
        dataSet(
            DatasetFormat.CHAT,
            "{'messages': [{'role': 'user', 'content': 'a'}, {'role': 'assistant', 'content': 'b'}]}\n"
                + "{'conversations': [{'from': 'human', 'value': 'a'}, {'from': 'gpt', 'value': 'b'}], 'tools': []}\n"
                + "{'prompt': [{'role': 'user', 'content': [{'type': 'text', 'text': 'a'}]}],"
                + " 'completion': [{'role': 'assistant', 'content': '', 'tool_calls': [{'name': 'f', 'arguments': {}}]}]}"),
        dataSet(
            DatasetFormat.ALPACA,
            "{'instruction': 'a', 'input': 'b', 'output': 'c'}\n{'instruction': 'x', 'output': 'y'}"),
        dataSet(
            DatasetFormat.PROMPT_COMPLETION,
            "[{'prompt': 'a', 'completion': 'b'},\n {'prompt': '', 'completion': 'c d'}]"),
        dataSet(DatasetFormat.TEXT, "{'text': 'a b c'}\n\n{'text': 'd'}\r\n"),
        dataSet(
            DatasetFormat.TOKENS,
            "{'input_ids': [1, 2, 3], 'labels': [-100, 2, 3]}\n{'input_ids': [5, 6], 'labels': [5, 6]}"));
  }

  private static List<byte[]> chatTemplates() {
    List<byte[]> templates = new ArrayList<>();
    JsonNode families = Goldens.json("chat/templates.json").get("templates");
    families.forEach(template -> templates.add(utf8(template.textValue())));
    for (JsonNode construct : Goldens.json("chat/constructs.json").get("prints")) {
      templates.add(utf8(construct.get("template").textValue()));
    }
    return templates;
  }

  private static void renderChat(String template) {
    ChatTemplate.of(
            "chat.jinja",
            template,
            Map.of("bos_token", "<s>", "eos_token", "</s>"),
            () -> ChatTemplate.TRAINING_DAY)
        .render(
            JsonFile.parse(
                "messages",
                "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]"),
            null,
            true);
  }

  private static FuzzTarget dataSet(DatasetFormat format, String seed) {
    return new FuzzTarget(
        "data-" + format.name().toLowerCase(Locale.ROOT).replace('_', '-'),
        () -> List.of(utf8(seed.replace('\'', '"'))),
        Mutations::jsonLines,
        (input, folder) ->
            AuditReport.of(
                    new ExampleReader(Shared.TOKENIZER, format, 512),
                    AuditSettings.of(
                        512,
                        OnProblem.defaults(),
                        SettingNames.OF_JOB,
                        Shared.TOKENIZER,
                        Task.CAUSAL_LM),
                    new AuditReport.Files(write(folder, "train.jsonl", input), null),
                    _ -> {},
                    _ -> {})
                .requireUsable(),
        List.of("train.jsonl"));
  }

  /** Returns the modules of the model that adapters and jobs of the targets are read for. */
  static ModelModules modules() {
    return Shared.MODULES;
  }

  static byte[] golden(String name) {
    try {
      return Files.readAllBytes(Goldens.path(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  static Path write(Path folder, String name, byte[] content) throws IOException {
    return Files.write(folder.resolve(name), content);
  }

  private static void readAll(WeightReader weights) {
    try (weights) {
      for (String name : weights.names()) {
        try {
          weights.stream(name, (values, count) -> {});
        } catch (UnsupportedModel e) {
          // A type that has no floats is refused when it is read, and the next one may have some.
          if (!e.getMessage().contains(name)) {
            throw e;
          }
        }
      }
    }
  }

  private static void readQuantized(byte[] input, Path folder) throws IOException {
    try (SafetensorsReader file =
        SafetensorsReader.open(write(folder, "model.safetensors", input))) {
      readAll(BitsAndBytesReader.of("model.safetensors", file));
    }
  }

  private static void readIndex(byte[] input, Path folder) throws IOException {
    write(folder, "model.safetensors.index.json", input);
    for (String shard : new String[] {"one.safetensors", "two.safetensors"}) {
      new SafetensorsWriter()
          .add(shard.startsWith("one") ? "a" : "b", new long[] {1}, FloatBuffer.allocate(1))
          .write(folder.resolve(shard));
    }
    readAll(SafetensorsReader.openModel(folder));
  }

  private static void readTokenizer(String name, byte[] input, Path folder) throws IOException {
    for (String file : new String[] {"tokenizer.json", "tokenizer_config.json", "config.json"}) {
      write(folder, file, file.equals(name) ? input : golden(MODEL + file));
    }
    SpecialTokensInText special =
        input.length % 2 == 0 ? SpecialTokensInText.PLAIN : SpecialTokensInText.RECOGNIZED;
    try (Tokenizer tokenizer = Tokenizer.fromFolder(folder, special)) {
      use(tokenizer);
    }
  }

  private static void use(Tokenizer tokenizer) {
    int[] ids = tokenizer.encodeWithOffsets(TEXT).ids();
    tokenizer.decode(ids, false);
    tokenizer.decode(ids, true);
    tokenizer.encode("");
    tokenizer.json();
  }

  /** Read when the first target needs it. */
  private static final class Shared {
    static final ModelModules MODULES = read();

    private static ModelModules read() {
      ModelConfig config = BaseModel.readConfig(Goldens.path(MODEL + "config.json"));
      return ModelModules.of(DecoderTensors.shapes(config), config.layers());
    }

    static final Tokenizer TOKENIZER =
        Tokenizer.fromFolder(Goldens.path("models/tiny-llama"), SpecialTokensInText.RECOGNIZED);
  }
}
