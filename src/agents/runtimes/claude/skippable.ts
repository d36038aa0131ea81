const TALK = /^\{"type":"(?:assistant|stream_event)"/
/**
 * Types of all other lines. After the disk was full, such a line may directly follow a line that was cut off,
 * without a newline between them.
 */
const OTHER =
  /"type":"(?:user|system|result|command_lifecycle|control_request|control_cancel_request|control_response|rate_limit_event)"/
const HEAD_BYTES = 32

/** Searches the line's text, because parsing the line would take the time that skipping it saves. */
export const isSkippable = (line: Buffer): boolean =>
  TALK.test(line.toString('latin1', 0, HEAD_BYTES)) && !OTHER.test(line.toString('latin1'))
