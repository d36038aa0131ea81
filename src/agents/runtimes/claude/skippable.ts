const TALK = /^\{"type":"(?:assistant|stream_event)"/
/** Types of all other lines. Such a line may follow a torn line without a newline after the disk was full. */
const OTHER =
  /"type":"(?:user|system|result|command_lifecycle|control_request|control_cancel_request|control_response|rate_limit_event)"/
const HEAD_BYTES = 32

/** Checks only the line's text: parsing would take the time that skipping saves. */
export const isSkippable = (line: Buffer): boolean =>
  TALK.test(line.toString('latin1', 0, HEAD_BYTES)) && !OTHER.test(line.toString('latin1'))
