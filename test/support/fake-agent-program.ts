/**
 * Speaks Claude Code's stream-json. It understands these prompts, and repeats every other prompt:
 *
 *     emit N BYTES [DELAY_MS]   N texts of BYTES characters, each beginning with its number, DELAY_MS apart
 *     ask                       asks for permission, waits, and prints "allowed" or "denied: MESSAGE"
 *     ask QUESTION              asks QUESTION with the choices Yes and No, waits, and prints the answer
 *     request SUBTYPE [DELAY]   sends an unknown request after DELAY ms, and prints the number of refusals
 *     exit CODE                 ends at once
 *     tear                      writes the first half of a line, and nothing else
 *     line JSON                 writes that line
 *     run COMMAND               starts a shell command in a separate session, without waiting
 *     hang                      runs a turn until it is interrupted
 *     deaf                      runs a turn forever, and ignores everything but SIGKILL
 *     /clear                    continues in a new session
 *
 * Its memory is a folder in its HOME. If the memory has a file `broken`, the agent does not start, and prints
 * the file's text as the reason. While the memory has a file `slow`, the start does not finish. Like the real
 * Claude Code, the agent remembers the answered prompts of a session, and does not answer them again after a
 * resume. It refuses to resume an unknown session, names the new session if it fails to start, records its
 * open session, and ends on a line that is not JSON.
 */
import { randomUUID } from 'node:crypto'
import { type Control, control } from './fake-agent/control.ts'
import { readInput } from './fake-agent/input.ts'
import { type ControlResponse, responded } from './fake-agent/requests.ts'
import { args, openSession } from './fake-agent/session.ts'
import { prompted } from './fake-agent/turns.ts'

if (args.includes('--version')) {
  console.log('2.1.330 (Claude Code)')
  process.exit(0)
}
if (args[0] === 'auth') {
  console.log(JSON.stringify({ loggedIn: true, authMethod: 'api_key', loginExpiresAt: null }))
  process.exit(0)
}

await openSession()

interface Line {
  type: string
  uuid?: string
  message?: { content: string | { text?: string }[] }
  request_id?: string
  request?: Control
  response?: ControlResponse
}

readInput((text) => {
  if (text === '') return
  let line: Line
  try {
    line = JSON.parse(text)
  } catch {
    process.stderr.write('A line of the input is not JSON.\n')
    process.exit(1)
  }
  if (line.type === 'user') {
    const content = line.message?.content ?? ''
    const said = typeof content === 'string' ? content : content.map((block) => block.text ?? '').join('')
    prompted({ uuid: line.uuid ?? randomUUID(), text: said })
  } else if (line.type === 'control_request' && line.request) control(line.request_id ?? '', line.request)
  else if (line.type === 'control_response' && line.response) responded({ ...line, response: line.response })
})
