const TALK = /^\{"type":"(?:assistant|stream_event)"/
/** Types of all other lines. Such a line may follow a torn line without a newline after the disk was full. */
const OTHER =
  /"type":"(?:user|system|result|command_lifecycle|control_request|control_cancel_request|control_response|rate_limit_event)"/
const HEAD_BYTES = 32

/** Checks the line's text only: parsing would cost what skipping saves. */
export const isSkippable = (line: Buffer): boolean =>
  TALK.test(line.toString('latin1', 0, HEAD_BYTES)) && !OTHER.test(line.toString('latin1'))
