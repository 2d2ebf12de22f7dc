package dev.finetune.trainer.data;

/**
 * Which row of a data set.
 *
 * @param row from 0, over all files of the data set; broken rows count too
 * @param file name of the file that it lies in
 * @param place where it begins there, such as {@code line 12}
 */
public record RowId(int row, String file, String place) {}
