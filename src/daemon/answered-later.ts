/** Thrown if the next daemon will answer the command instead of this daemon. */
export class AnsweredLater extends Error {}
