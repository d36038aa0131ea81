const TALK = /^\{"type":"(?:assistant|stream_event)"/
/** The types of all other lines. One of them may stand behind a beginning that a full disk has torn. */
const OTHER =
  /"type":"(?:user|system|result|command_lifecycle|control_request|control_cancel_request|control_response|rate_limit_event)"/
const HEAD_BYTES = 32

/** By the looks of it: to parse it would cost what is to be saved. */
export const isTalk = (line: Buffer): boolean =>
  TALK.test(line.toString('latin1', 0, HEAD_BYTES)) && !OTHER.test(line.toString('latin1'))
