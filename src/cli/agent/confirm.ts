import type { HubClient } from '../../client/hub-client.ts'
import { wholeRequest } from '../../client/whole-request.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { shellWord } from '../../platform/shell-word.ts'
import type { PermissionRequest } from '../../protocol/index.ts'
import { commandLineFor } from '../command-line.ts'
import { confirmYes, promptText } from '../confirm-yes.ts'
import { askLine, dropTyped } from '../prompt.ts'
import { typedName } from '../render/permission.ts'
import { requestText } from '../render/request.ts'
import { isInteractive, note, stderrColors, stderrWidth, stdoutColors } from '../terminal.ts'
import { type Ask, showPages } from './show-pages.ts'
import { whyUnanswerable } from './why-unanswerable.ts'

/** Reports whether typed text is a no. */
const isNo = (typed: string) => ['n', 'no'].includes(typed.trim().toLowerCase())

interface Named {
  /** True if the command line names exactly this request, by its digest. */
  named: boolean
  json: boolean | undefined
}

/**
 * Shows a request that the command line did not name, so that the user can confirm the answer.
 * @returns the request with its input; if confirmation is needed, also a function that asks for confirmation
 * @throws UserError without a terminal, or if the request cannot be shown
 */
export async function showForConfirmation(
  client: HubClient,
  agentId: string,
  request: PermissionRequest,
  { named, json }: Named,
): Promise<{ request: PermissionRequest; ask?: Ask }> {
  const whole = await wholeRequest(client, agentId, request)
  const fault = whyUnanswerable(agentId, whole, 'Try again later.')
  if (fault) throw fault
  if (named) return { request: whole }
  if (json || !isInteractive()) {
    if (!json) note(requestText(whole, stderrColors(), stderrWidth()))
    throw new UserError(
      'request_unnamed',
      `${agentId} has made this request. The command must name the request that it answers.`,
      {
        remedy: `Read the request, then type: ${sameLineFor(whole)}`,
        exitCode: EXIT.refused,
        facts: { request: whole },
      },
    )
  }
  const text = (width: number | undefined) => requestText(whole, stdoutColors(), width)
  const ask: Ask = (question) => dropTyped().then(() => askLine(promptText(question)))
  if ((await showPages(text, ask, isNo)) !== undefined) throw notConfirmed()
  return { request: whole, ask }
}

/** @throws UserError unless the answer is yes */
export async function confirm(ask: Ask, question: string): Promise<void> {
  if (!(await confirmYes(ask, question))) throw notConfirmed()
}

const notConfirmed = () => new UserError('not_confirmed', 'No answer was sent.', { exitCode: EXIT.refused })

/** Returns the typed command line, with `--request` added. */
function sameLineFor(request: PermissionRequest): string {
  const typed = process.argv.slice(2)
  const rest = typed.filter(
    (word, index) => !/^--request(=|$)/.test(word) && typed[index - 1] !== '--request',
  )
  const end = rest.indexOf('--')
  const [before, behind] = end === -1 ? [rest, []] : [rest.slice(0, end), rest.slice(end)]
  return [commandLineFor([...before, '--request']), typedName(request), ...behind.map(shellWord)].join(' ')
}
