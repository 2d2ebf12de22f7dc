/** What people are told: pure functions from what was decided to the status of a FineTuneJob. */
@NullMarked
package dev.finetune.operator.status;

import org.jspecify.annotations.NullMarked;
