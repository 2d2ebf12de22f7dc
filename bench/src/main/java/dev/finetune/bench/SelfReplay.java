package dev.finetune.bench;

import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Processor;
import dev.finetune.trainer.generate.Generator;
import dev.finetune.trainer.generate.Sampling;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Lets a base model write general text, which a run can replay: what the model says of itself is
 * the nearest to what it was trained on where that is not to be had. Each opening is gone on from
 * several times, at temperature 1.
 */
final class SelfReplay {
  private static final double TEMPERATURE = 1;
  private static final double TOP_P = 0.95;

  private SelfReplay() {}

  /** Writes rows of format text: MODEL OPENINGS OUTPUT TEXTS_EACH TOKENS THREADS. */
  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 6) {
      System.err.println("usage: SelfReplay MODEL OPENINGS OUTPUT TEXTS_EACH TOKENS THREADS");
      System.exit(2);
    }
    List<String> openings = Files.readAllLines(Path.of(arguments[1]), StandardCharsets.UTF_8);
    int each = Integer.parseInt(arguments[3]);
    int tokens = Integer.parseInt(arguments[4]);
    try (Engine.Preparation _ = Engine.prepare();
        BaseModel base = BaseModel.open(Path.of(arguments[0]));
        Engine engine = Engine.start(Integer.parseInt(arguments[5]));
        PrintStream out = new PrintStream(arguments[2], StandardCharsets.UTF_8)) {
      Kernels kernels =
          new Kernels(engine, Processor.hasBfloat16() ? ElementType.BF16 : ElementType.F32);
      try (DecoderModel model = ModelLoader.load(kernels, base.config(), base.weights(), null)) {
        write(new Generator(kernels, model, null), base.tokenizer(), openings, each, tokens, out);
      }
    }
  }

  private static void write(
      Generator generator,
      Tokenizer tokenizer,
      List<String> openings,
      int each,
      int tokens,
      PrintStream out) {
    long seed = 0;
    for (String opening : openings) {
      for (int text = 0; text < each; text++) {
        Generator.Generated generated =
            generator.generate(
                tokenizer.encode(opening),
                tokens,
                id -> id == tokenizer.eosId(),
                new Sampling(TEMPERATURE, 0, TOP_P, 1, seed++),
                id -> {});
        String more = tokenizer.decode(generated.tokens(), true);
        out.print(RunJson.writeLine(Map.of("text", opening + more)) + "\n");
      }
    }
  }
}
