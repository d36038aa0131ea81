import { Command } from 'commander'
import { UserError } from '../../platform/errors.ts'
import { EXIT } from '../exit-codes.ts'
import { connectHub, type HubOptions, withHub } from '../options.ts'

interface Options extends HubOptions {
  request?: string
  always?: boolean
  message?: string
  interrupt?: boolean
  cancel?: boolean
}

const base = (name: string) =>
  withHub(
    new Command(name)
      .argument('<id>', "the agent's id, or its beginning")
      .option('--request <id>', 'which request, where there are several'),
  )

export const approveCommand = (): Command =>
  base('approve')
    .description('allow what an agent asks for: use of a tool, or its plan')
    .option('--always', 'and remember it, as the agent offers')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fomular-daemon agent approve a-1f2e\n  $ fomular-daemon agent approve a-1f2e --always',
    )
    .action((id: string, options: Options) => decide(id, 'allow', options))

export const denyCommand = (): Command =>
  base('deny')
    .description('refuse what an agent asks for')
    .option('--message <text>', 'what to tell it, such as what to do instead')
    .option('--interrupt', 'end its turn as well')
    .addHelpText(
      'after',
      '\nExamples:\n  $ fomular-daemon agent deny a-1f2e --message "Use the staging database"\n  $ fomular-daemon agent deny a-1f2e --interrupt',
    )
    .action((id: string, options: Options) => decide(id, 'deny', options))

export const answerCommand = (): Command =>
  base('answer')
    .description('answer the questions of an agent')
    .argument(
      '[answers...]',
      'for each question: the number of an option, several joined by commas, or free text; for a field of a form also NAME=VALUE',
    )
    .option('--cancel', "close an MCP server's form without an answer (`agent deny` declines it)")
    .addHelpText(
      'after',
      '\nExamples:\n  $ fomular-daemon agent answer a-1f2e 2\n  $ fomular-daemon agent answer a-1f2e "PostgreSQL" 1,3\n  $ fomular-daemon agent answer a-1f2e environment=staging replicas=3',
    )
    .action(answer)

async function decide(given: string, decision: 'allow' | 'deny', { json, ...flags }: Options) {
  const { client, id, request, printOutcome } = await requestOf(given, flags)
  if (request.ask === 'question' && decision === 'allow')
    throw new UserError('answers_incomplete', `${id} asks a question.`, {
      remedy: `Answer it: fomular-daemon agent answer ${id} ANSWER`,
      exitCode: EXIT.refused,
    })
  if (request.form && flags.message !== undefined)
    throw new UserError('no_message', `${request.form.server} asks by a form, which takes no message.`, {
      remedy: 'Leave out --message.',
      exitCode: EXIT.usage,
    })
  const body = {
    request_id: request.request_id,
    decision,
    ...(flags.always && { remember: request.suggestions ?? [] }),
    ...(flags.message !== undefined && { message: flags.message }),
    ...(flags.interrupt && { interrupt: true }),
  }
  const outcome = await client.agentCommand(id, 'permission', body, 30)
  printOutcome(outcome, `${decision === 'allow' ? 'Allowed' : 'Denied'}: ${request.tool}.`, json)
}

async function answer(given: string, typed: string[], { json, ...flags }: Options) {
  const { client, id, request, printOutcome } = await requestOf(given, flags)
  if (request.ask !== 'question')
    throw new UserError('not_a_question', `${id} asks for permission, not a question.`, {
      remedy: `Decide it: fomular-daemon agent approve ${id}, or deny.`,
      exitCode: EXIT.refused,
    })
  const { request_id } = request
  if (flags.cancel && request.form) {
    const outcome = await client.agentCommand(id, 'answer', { request_id, action: 'cancel' }, 30)
    return printOutcome(outcome, 'Cancelled.', json)
  }
  if (flags.cancel)
    throw new UserError('not_a_form', 'Only a form of an MCP server can be cancelled.', {
      remedy: `Refuse to answer: fomular-daemon agent deny ${id}`,
      exitCode: EXIT.refused,
    })
  const [{ answersTo }, { fillable, formAnswers }] = await Promise.all([
    import('./answers.ts'),
    import('./form.ts'),
  ])
  const form = fillable(request)
  const questions = request.questions ?? []
  const answers = form ? formAnswers(form, questions, typed) : answersTo(questions, typed)
  const outcome = await client.agentCommand(id, 'answer', { request_id, answers }, 30)
  printOutcome(outcome, `Answered: ${Object.values(answers).join('; ')}.`, json)
}

async function requestOf(given: string, flags: Options) {
  const client = await connectHub(flags)
  const [{ agentId, printOutcome }, { pickRequest }] = await Promise.all([
    import('./outcome.ts'),
    import('./answers.ts'),
  ])
  const id = await agentId(client, given, flags.machine)
  return { client, id, printOutcome, request: pickRequest(await client.agent(id), flags.request) }
}
