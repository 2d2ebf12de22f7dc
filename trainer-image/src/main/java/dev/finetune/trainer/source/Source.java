package dev.finetune.trainer.source;

import java.nio.file.Path;

/**
 * A file or folder that is on the local disk.
 *
 * @param path the file, or the folder with the files
 * @param identity which bytes it holds
 */
public record Source(Path path, SourceIdentity identity) {}
