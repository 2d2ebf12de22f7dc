package dev.finetune.trainer.source;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SourceIdentityTest {
  private static final SourceIdentity ONE = new SourceIdentity("s3://m/x", "etag:1", 3, "sha256:a");

  @Test
  void recordsOfOlderVersionsMatchByEtag() {
    SourceIdentity older = new SourceIdentity("s3://m/x", "etag:1", 3);
    assertThat(older.matches(ONE)).isTrue();
    assertThat(ONE.matches(older)).isTrue();
  }

  @Test
  void otherContentUnderTheSameEtagDoesNotMatch() {
    assertThat(ONE.matches(new SourceIdentity("s3://m/x", "etag:1", 3, "sha256:b"))).isFalse();
  }

  @Test
  void anotherUriDigestOrSizeDoesNotMatch() {
    assertThat(ONE.matches(new SourceIdentity("s3://m/y", "etag:1", 3))).isFalse();
    assertThat(ONE.matches(new SourceIdentity("s3://m/x", "etag:2", 3))).isFalse();
    assertThat(ONE.matches(new SourceIdentity("s3://m/x", "etag:1", 4))).isFalse();
    assertThat(ONE.matches(null)).isFalse();
  }
}
