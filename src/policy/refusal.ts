/** A part of a command or specification that the policy does not permit. */
export interface PolicyRefusal {
  /** Key of the policy, such as `folders.deny`. */
  key: string
  /** Sentence about the refusal, for the sender of the command. */
  message: string
}
