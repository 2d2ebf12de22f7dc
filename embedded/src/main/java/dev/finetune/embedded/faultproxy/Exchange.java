package dev.finetune.embedded.faultproxy;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * What the proxy saw of a request.
 *
 * @param time when it came
 * @param request the request
 * @param fault what was done to it, or null if it was passed on
 * @param status HTTP status that the client was sent, or the server's if the answer was withheld; 0
 *     if there was none
 */
public record Exchange(Instant time, ProxiedRequest request, @Nullable Fault fault, int status) {}
