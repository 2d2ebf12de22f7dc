/**
 * A Kubernetes API server in this process, for trying out and for tests: objects in memory, lists
 * and watches, server-side apply, status subresources, validation against CRD schemas, owner
 * references and what the stock kubectl asks for. No authentication, no CEL, no admission webhooks;
 * controllers other than the garbage collector are somebody else's.
 */
@NullMarked
package dev.finetune.embedded.apiserver;

import org.jspecify.annotations.NullMarked;
