package dev.finetune.trainer.run;

import dev.finetune.api.run.Head;

/**
 * A head as it was at one time.
 *
 * @param head its content
 * @param etag its ETag, which the next write must match
 */
record HeadVersion(Head head, String etag) {}
