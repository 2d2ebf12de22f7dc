package dev.finetune.trainer.chat;

/**
 * Why a template could not be rendered for a conversation; the line is added by who renders.
 * jinjava drops the cause of a failure within an expression, so the rendering is told of it too.
 */
final class RenderFailure extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Makes one. */
  RenderFailure(String message) {
    super(message, null, false, false);
    Rendering.failed(this);
  }
}
