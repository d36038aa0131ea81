import type { EventBody } from '../conversation.ts'
import { compact, type Fields, fields, list, text } from './fields.ts'

/**
 * Returns a `notice` event with a text for people and all fields of the line.
 * @returns undefined if the text is empty
 */
export function notice(about: string, said: string | undefined, line: Fields): EventBody[] | undefined {
  if (said === undefined || said === '') return undefined
  const { type: _type, subtype: _subtype, session_id: _session, uuid: _uuid, ...info } = line
  const level = text(line.level) ?? text(line.priority) ?? text(line.status)
  return [compact({ kind: 'notice', about, text: said, level, info })]
}

const of = (about: string, said: (line: Fields) => string | undefined) => (line: Fields) =>
  notice(about, said(line), line)

const content = (line: Fields) => text(line.content)

/** Decoders for lines of `type: system` that contain a text for people, by `subtype`. */
export const notices: Record<string, (line: Fields) => EventBody[] | undefined> = {
  notification: of('notification', (line) => text(line.text)),
  local_command_output: of('local_command_output', content),
  model_refusal_fallback: of('model_refusal_fallback', content),
  model_refusal_no_fallback: of('model_refusal_no_fallback', content),
  mirror_error: of('mirror_error', (line) => text(line.error)),
  plugin_install: of('plugin_install', (line) =>
    ['plugin', text(line.name), text(line.status), text(line.error)].filter(Boolean).join(' '),
  ),
  elicitation_complete: of('elicitation_complete', (line) =>
    [text(line.mcp_server_name), 'confirms that its request in the browser is complete'].join(' '),
  ),
  memory_recall: of('memory_recall', (line) =>
    list(line.memories)
      ?.map((entry) => text(fields(entry)?.content) ?? text(fields(entry)?.path))
      .filter((said) => said !== undefined)
      .join('\n'),
  ),
  session_writes_lost: of('session_writes_lost', (line) =>
    ['Not saved:', list(line.lost)?.join(', '), text(line.error_code)].filter(Boolean).join(' '),
  ),
  worker_shutting_down: of('worker_shutting_down', (line) => text(line.reason)),
}
