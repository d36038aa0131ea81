/** Notice for a person who wanted to answer a request. */
export const ANSWERED = 'The request has been answered, or the agent no longer needs it.'
