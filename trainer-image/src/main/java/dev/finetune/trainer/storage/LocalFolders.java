package dev.finetune.trainer.storage;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/** Removal of local folders with what is in them; links are removed, not followed. */
public final class LocalFolders {
  private LocalFolders() {}

  /** Removes a folder, if it is there. */
  public static void delete(Path folder) throws IOException {
    try {
      Files.walkFileTree(folder, new Deleter());
    } catch (NoSuchFileException e) {
      if (Files.exists(folder)) {
        throw e;
      }
    }
  }

  /** Removes a folder that nobody would take for whole; if that fails, it stays. */
  public static void deleteQuietly(Path folder) {
    try {
      delete(folder);
    } catch (IOException e) {
      System.getLogger(LocalFolders.class.getName())
          .log(System.Logger.Level.WARNING, "leftover {0} stays: {1}", folder, e.getMessage());
    }
  }

  private static final class Deleter extends SimpleFileVisitor<Path> {
    @Override
    public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
      Files.deleteIfExists(file);
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException e)
        throws IOException {
      if (e != null) {
        throw e;
      }
      Files.deleteIfExists(folder);
      return FileVisitResult.CONTINUE;
    }
  }
}
