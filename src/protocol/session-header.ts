/** Header with the session of a request: the session's id, a dot, and its secret. */
export const SESSION_HEADER = 'X-Fomular-Session'
