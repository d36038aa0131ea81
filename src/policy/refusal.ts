/** Something that the policy does not permit. */
export interface PolicyRefusal {
  /** Key of the policy, such as `folders.deny`. */
  key: string
  /** Sentence that says what is not permitted, for the sender of the command. */
  message: string
}
