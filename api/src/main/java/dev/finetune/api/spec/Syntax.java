package dev.finetune.api.spec;

/**
 * Regular expressions of Kubernetes names. They hold for the whole text in Java and in the CRD
 * alike, so each is anchored.
 */
final class Syntax {
  /** RFC 1123 label: names of jobs and namespaces. */
  static final String LABEL_NAME = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

  /** RFC 1123 subdomain: names of most objects. */
  static final String OBJECT_NAME = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

  /** Key of a Secret or ConfigMap. */
  static final String DATA_KEY = "^[-._a-zA-Z0-9]+$";

  /** Name of an environment variable. */
  static final String ENV_NAME = "^[-._a-zA-Z][-._a-zA-Z0-9]*$";

  /** Key of a label, annotation or resource, with or without a prefix. */
  static final String QUALIFIED_NAME =
      "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";

  /** Value of a label. */
  static final String LABEL_VALUE = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";

  /** Amount of a resource, not negative. */
  static final String QUANTITY =
      "^\\+?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?$";

  /** The longest qualified name: a prefix of 253, a slash and a name of 63. */
  static final int QUALIFIED_NAME_LENGTH = 317;

  private Syntax() {}
}
