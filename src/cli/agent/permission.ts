import { Command, InvalidArgumentError } from 'commander'
import type { HubClient } from '../../client/hub-client.ts'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import type { Outcome, PermissionRequest } from '../../protocol/index.ts'
import { connectSigning, type HubOptions, withHub, withSigning } from '../options.ts'
import { layLines } from '../render/layout.ts'
import { print, stdoutWidth } from '../terminal.ts'
import { allowing } from './allowing.ts'
import { ALSO, type Also } from './also-values.ts'

interface Options extends HubOptions {
  request?: string
  always?: boolean
  also?: Also[]
  message?: string
  interrupt?: boolean
  cancel?: boolean
}

/** Maximum time until the agent accepts an answer, in seconds. */
const ANSWER_WAIT_S = 30

const SEEN = `
The command shows the request before you answer it. Without a terminal, use --request to pass the
digest of the request that you have read. \`agent show\` and \`agent watch\` print the digest. If the agent's
request has changed in the meantime, the command does not answer it.
`

const ALWAYS = `
Until the session ends, --always remembers the rules that the request suggests for the tool.
--also remembers other suggestions of the request:

  save         save the rules in the file that \`agent show\` names
  mode         switch to another permission mode
  directories  allow more directories
  other        all other suggestions
`

const base = (name: string) =>
  withSigning(
    withHub(
      new Command(name)
        .argument('<id>', 'id of the agent, or a unique prefix')
        .option('--request <digest>', 'digest or id of the request; only the digest identifies its content'),
    ),
  )

const kinds = (value: string, before: Also[] = []): Also[] => [
  ...before,
  ...value.split(',').map((given) => {
    const known = ALSO.find((kind) => kind === given.trim())
    if (known === undefined) throw new InvalidArgumentError(`Use one or more of ${ALSO.join(', ')}.`)
    return known
  }),
]

export const approveCommand = (): Command =>
  base('approve')
    .description("allow an agent's use of a tool, or approve its plan")
    .option('--always', 'also remember the rules that the request suggests for the tool')
    .option('--also <kinds>', `also remember other suggestions of the request: ${ALSO.join(', ')}`, kinds)
    .addHelpText(
      'after',
      `${SEEN}${ALWAYS}
Examples:
  $ fomular-daemon agent approve a-1f2e
  $ fomular-daemon agent approve a-1f2e --always --also save
  $ fomular-daemon agent approve a-1f2e --request 3d0f7c6b1e5a49f28c7b6a5d4e3f2a1b`,
    )
    .action(approve)

export const denyCommand = (): Command =>
  base('deny')
    .description("refuse an agent's request")
    .option('--message <text>', 'message for the agent, such as an alternative')
    .option('--interrupt', "also end the agent's turn")
    .addHelpText(
      'after',
      '\nExamples:\n  $ fomular-daemon agent deny a-1f2e --message "Use the staging database"\n  $ fomular-daemon agent deny a-1f2e --interrupt',
    )
    .action(deny)

export const answerCommand = (): Command =>
  base('answer')
    .description("answer an agent's questions")
    .argument(
      '[answers...]',
      'one answer per question: the number of an option, several numbers joined by commas, or free text; for a field of a form, also NAME=VALUE',
    )
    .option(
      '--cancel',
      'close the form of an MCP server without an answer; to decline the form, use `agent deny`',
    )
    .addHelpText(
      'after',
      `${SEEN}
Examples:
  $ fomular-daemon agent answer a-1f2e 2
  $ fomular-daemon agent answer a-1f2e "PostgreSQL" 1,3
  $ fomular-daemon agent answer a-1f2e environment=staging replicas=3`,
    )
    .action(answer)

async function approve(given: string, { json, ...flags }: Options) {
  const { client, id, request: asked, named } = await requestOf(given, flags)
  if (asked.ask === 'question')
    throw new UserError('answers_incomplete', `${id} asks a question.`, {
      remedy: `Answer it: fomular-daemon agent answer ${id} ANSWER`,
      exitCode: EXIT.refused,
    })
  const [{ showForConfirmation, confirm }, { askRemembered, rememberedBy, rememberedText }, { decidedText }] =
    await Promise.all([import('./confirm.ts'), import('./remembered.ts'), import('../render/decision.ts')])
  const { always = false, also = [] } = flags
  // If the flags name something that the request does not offer, fail before the user reads the request.
  if (!asked.input_omitted) rememberedBy(asked, { always, also })
  const { request, ask } = await showForConfirmation(client, id, asked, { named, json })
  const what =
    ask && always && also.length === 0
      ? await askRemembered(request, ask, { confirmsRules: false })
      : rememberedBy(request, { always, also })
  for (const row of ask ? layLines(rememberedText(what), stdoutWidth()) : []) print(row)
  if (ask) await confirm(ask, 'Allow it?')
  const { remember, remembered, left } = what
  const body = { ...allowing(client, request), ...(remember.length > 0 && { remember }) }
  const outcome = await answerWith(client, id, 'permission', request, body)
  const done = decidedText('Allowed', request, {
    whole: !ask,
    also: always || also.length > 0 ? rememberedText(what) : [],
    width: stdoutWidth(),
  })
  const facts = { request: identityOf(request), remembered, not_remembered: left }
  await say(outcome, done, json, facts)
}

async function deny(given: string, { json, ...flags }: Options) {
  const { client, id, request } = await requestOf(given, flags)
  const { message, interrupt } = flags
  if (request.form && message !== undefined)
    throw new UserError(
      'no_message',
      `The form of ${request.form.server} cannot be refused with a message.`,
      {
        remedy: 'Leave out --message.',
        exitCode: EXIT.usage,
      },
    )
  const body = {
    decision: 'deny',
    ...(message !== undefined && { message }),
    ...(interrupt && { interrupt }),
  }
  const outcome = await answerWith(client, id, 'permission', request, body)
  const { decidedText } = await import('../render/decision.ts')
  const done = decidedText('Denied', request, { whole: false, width: stdoutWidth() })
  await say(outcome, done, json, { request: identityOf(request) })
}

async function answer(given: string, typed: string[], { json, ...flags }: Options) {
  const { client, id, request, named } = await requestOf(given, flags)
  if (request.ask !== 'question')
    throw new UserError('not_a_question', `${id} asks for permission, not a question.`, {
      remedy: `Run fomular-daemon agent approve ${id}, or fomular-daemon agent deny ${id}.`,
      exitCode: EXIT.refused,
    })
  const facts = { request: identityOf(request) }
  if (flags.cancel) {
    const { wholeRequest } = await import('../../client/whole-request.ts')
    if (!(await wholeRequest(client, id, request)).form)
      throw new UserError('not_a_form', 'Only a form of an MCP server can be canceled.', {
        remedy: `To refuse the request: fomular-daemon agent deny ${id}`,
        exitCode: EXIT.refused,
      })
    const outcome = await answerWith(client, id, 'answer', request, { action: 'cancel' })
    return say(outcome, 'Canceled.', json, facts)
  }
  const [
    { answersTo },
    { fillable, formAnswers },
    { showForConfirmation, confirm },
    { answersOf, replyText },
  ] = await Promise.all([
    import('./answers.ts'),
    import('./form.ts'),
    import('./confirm.ts'),
    import('./reply.ts'),
  ])
  const { request: whole, ask } = await showForConfirmation(client, id, request, { named, json })
  const form = fillable(whole)
  const questions = whole.questions ?? []
  const answered = form ? formAnswers(form, questions, typed) : answersTo(questions, typed)
  const text = answered.map(replyText).join('; ') || 'no field'
  if (ask) await confirm(ask, `Answer ${text}?`)
  const outcome = await answerWith(client, id, 'answer', request, { answers: answersOf(answered) })
  await say(outcome, `Answered ${text}`, json, { ...facts, answered })
}

const identityOf = ({ request_id, digest, ask, tool, input }: PermissionRequest) => ({
  request_id,
  ...(digest !== undefined && { digest }),
  ask,
  tool,
  input,
})

const answerWith = (
  client: HubClient,
  agentId: string,
  command: 'permission' | 'answer',
  { request_id, digest }: PermissionRequest,
  body: object,
) => client.agentCommand(agentId, command, { request_id, digest, ...body }, ANSWER_WAIT_S)

async function say(outcome: Outcome, done: string, json: boolean | undefined, facts: object) {
  const { printOutcome } = await import('./outcome.ts')
  printOutcome({ ...outcome, ...facts }, done, json)
}

async function requestOf(given: string, flags: Options) {
  const client = await connectSigning(flags)
  const [{ agentId }, { withUnlisted }, { checkPolicyFor }, { pickRequest }] = await Promise.all([
    import('./outcome.ts'),
    import('../../client/unlisted-requests.ts'),
    import('../client/check-policy.ts'),
    import('./pick-request.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  const agent = await withUnlisted(client, await client.agent(id))
  await checkPolicyFor(client, agent, { type: 'agent:permission' })
  return { client, id, ...pickRequest(agent, flags.request) }
}
