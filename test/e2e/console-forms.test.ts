import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Command, Form, FormField } from '../../src/protocol/index.ts'
import { violationsOn } from '../support/accessibility.ts'
import { ASKING_MCP_SERVER } from '../support/asking-mcp-server.ts'
import { openBrowser } from '../support/browser.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { asked, button, scrollToEnd } from '../support/console-request.ts'
import { ConsoleStage } from '../support/console-stage.ts'
import { type LightDaemon, statusOf } from '../support/light-daemon.ts'
import { mock } from '../support/messages-script.ts'
import { requestFor } from '../support/scripted-agent.ts'
import type { Cleanup } from '../support/temp.ts'

const browser = await openBrowser({ after })

type Answer = Extract<Command, { type: 'agent:answer' }>

/** Opens the sheet with a form of an MCP server. */
function opened(t: Cleanup, fields: FormField[], rest: Partial<Form> = {}) {
  const form = { server: 'deploy', message: 'Where to?', fields, ...rest }
  const questions =
    fields.length > 0
      ? fields.map(({ name }) => ({ question: name, header: 'deploy', options: [] }))
      : [{ question: 'Where to?', header: 'deploy', options: [] }]
  const request = requestFor('r1', {}, { ask: 'question', tool: 'mcp__deploy', form, questions })
  return asked(t, browser, request)
}

/** Returns the answer that the agent's machine receives, and reports that the agent works again. */
async function answerAt(daemon: LightDaemon): Promise<Answer> {
  const answer = (await daemon.command('agent:answer')) as Answer
  daemon.answer(answer)
  daemon.send({ type: 'agent:status', ...statusOf('a', { revision: 2, state: 'working' }) })
  return answer
}

test('a person fills in the form of an MCP server, which gets the values', async (t) => {
  const stage = await ConsoleStage.open(t, browser, async () => (await claudeStage(t)).stage)
  const claude = stage.stage
  await claude.daemon()
  const params = {
    message: 'Where to?',
    requestedSchema: {
      type: 'object',
      properties: {
        env: { type: 'string', title: 'Environment', enum: ['dev', 'prod'], enumNames: ['Dev', 'Prod'] },
        replicas: { type: 'integer', minimum: 1, default: 2 },
        sure: { type: 'boolean' },
      },
      required: ['env', 'sure'],
    },
  }
  const agent = await claude.start({
    mcp_servers: { asks: { command: process.execPath, args: ['-e', ASKING_MCP_SERVER] } },
    mcp_strict: true,
    allowed_tools: ['mcp__asks'],
    prompt: mock([{ tool: 'mcp__asks__ask', input: { params } }], [{ text: 'end' }]),
  })
  const { machine_id } = (await claude.machine())!
  const { page } = await stage.signedIn({ path: `/agents/${machine_id}/${agent}` })
  await page.getByRole('button', { name: 'Fill in its form' }).click()
  const sheet = page.getByRole('dialog', { name: 'A form to fill in' })
  await sheet.getByText('The MCP server asks asks:').waitFor()
  await sheet.getByLabel('Environment (env)').selectOption('Prod')
  await sheet.getByRole('group', { name: 'sure' }).getByLabel('Yes').check()
  await button(sheet, 'Send answers').click()
  const { content } = await claude.eventually(agent, 'tool_result')
  const told = JSON.parse((content as { text: string }[])[0]!.text)
  assert.deepEqual(told, { action: 'accept', content: { env: 'prod', replicas: 2, sure: true } })
  await sheet.waitFor({ state: 'detached' })
})

test('a wrong value is named at its field, and nothing is sent before it is right', async (t) => {
  const { page, daemon, sheet } = await opened(t, [
    { name: 'host', type: 'string', title: 'Host', required: true, description: 'Name of\u202e the host' },
    { name: 'port', type: 'integer', minimum: 1, maximum: 65_535 },
    { name: 'mail', type: 'string', format: 'email' },
    { name: 'secret', type: 'string', format: 'password' },
    { name: 'parts', type: 'array', options: [{ value: 'a', title: 'Front' }, { value: 'b' }], min_items: 1 },
  ])
  await sheet.getByText('Name of⟨U+202E⟩ the host').waitFor()
  assert.deepEqual(await violationsOn(page), [])
  const send = async () => {
    await scrollToEnd(page)
    await button(sheet, 'Send answers').click()
  }
  const field = (name: string) => sheet.getByRole('group', { name })
  const fault = async (name: string, text: string) => {
    await send()
    await field(name).getByRole('alert').filter({ hasText: text }).waitFor()
    assert.equal(await sheet.getByRole('alert').count(), 1)
  }
  await fault('Host', 'No answer to "Host (host)".')
  await sheet.getByLabel('Host (host)').fill('example.org')
  await sheet.getByLabel('port').fill('70000')
  await fault('port', 'must be at most 65535')
  await sheet.getByLabel('port').fill('443')
  await sheet.getByLabel('mail').fill('nobody')
  await fault('mail', 'must have the format email')
  await sheet.getByLabel('mail').fill('')
  assert.equal(await sheet.getByLabel('secret').getAttribute('type'), 'password')
  await sheet.getByLabel('secret').fill('s3cret')
  await sheet.getByLabel('Front').check()
  await sheet.getByLabel('b', { exact: true }).check()
  await sheet.getByLabel('Front').uncheck()
  assert.deepEqual(daemon.ofType('agent:answer'), [])
  await send()
  const { answers, request_id } = await answerAt(daemon)
  assert.deepEqual(
    [request_id, answers],
    ['r1', { host: 'example.org', port: '443', mail: '', secret: 's3cret', parts: ['b'] }],
  )
  await sheet.waitFor({ state: 'detached' })
})

for (const [name, action] of [
  ['Decline', 'decline'],
  ['Close without an answer', 'cancel'],
] as const)
  test(`a form ends without values: ${name}`, async (t) => {
    const { daemon, sheet } = await opened(t, [{ name: 'host', type: 'string', required: true }])
    await button(sheet, 'Decline…').click()
    await sheet.getByRole('button', { name, exact: true }).click()
    const answer = await answerAt(daemon)
    assert.deepEqual([answer.action, answer.answers], [action, {}])
    await sheet.waitFor({ state: 'detached' })
  })

test('the address of a form is a link if it leads to a web page, and the person accepts it', async (t) => {
  const url = 'https://login.example/?next=1'
  const { daemon, sheet } = await opened(t, [], { url })
  const link = sheet.getByRole('link', { name: 'Open in a new tab' })
  assert.deepEqual(
    [await link.getAttribute('href'), await link.getAttribute('rel')],
    [url, 'noopener noreferrer'],
  )
  await button(sheet, 'Accept').click()
  assert.deepEqual((await answerAt(daemon)).answers, { 'Where to?': 'accept' })
})

test('any other address of a form is only text', async (t) => {
  const { sheet } = await opened(t, [], { url: 'javascript:alert(1)' })
  await sheet.getByText('javascript:alert(1)').waitFor()
  assert.equal(await sheet.getByRole('link').count(), 0)
})
