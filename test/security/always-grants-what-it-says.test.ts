import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rememberedBy } from '../../src/cli/agent/remembered.ts'
import { colors } from '../../src/cli/render/ansi.ts'
import { offersText } from '../../src/cli/render/offers.ts'
import type { PermissionRequest } from '../../src/protocol/index.ts'
import { AskingAgent, asks } from '../support/asking-agent.ts'
import { claudeStage } from '../support/claude-stage.ts'
import { mock } from '../support/messages-script.ts'
import { requestFor, ScriptedAgent } from '../support/scripted-agent.ts'

const RULE = {
  type: 'addRules',
  rules: [{ toolName: 'Bash', ruleContent: 'touch a1' }],
  behavior: 'allow',
  destination: 'localSettings',
}
const FOLDERS = { type: 'addDirectories', directories: ['/srv/a'], destination: 'session' }
const MODE = { type: 'setMode', mode: 'acceptEdits', destination: 'session' }
const SUGGESTED = [RULE, FOLDERS, MODE]

const asking = (t: TestContext, permission_suggestions: unknown[]) => {
  const agent = new AskingAgent(t)
  agent.says(asks('r', { command: 'touch a1' }, { permission_suggestions }))
  return (...remember: unknown[]) =>
    agent.told('permission', { request_id: 'r', decision: 'allow', remember })
}

test('the daemon remembers only entries that the request itself suggests', async (t) => {
  const foreign = [
    { ...RULE, rules: [{ toolName: 'Bash' }] },
    { ...RULE, rules: [...RULE.rules, { toolName: 'Write' }] },
    { ...RULE, destination: 'userSettings' },
    { ...RULE, destination: undefined },
    { ...FOLDERS, directories: ['/'] },
    { ...FOLDERS, destination: 'localSettings' },
    { ...MODE, mode: 'bypassPermissions' },
    { ...MODE, more: true },
    { type: 'setMode' },
    [RULE],
    null,
    'addRules',
    {},
  ]
  const told = asking(t, SUGGESTED)
  for (const entry of foreign)
    assert.equal(await told(MODE, entry), 'invalid_command remember.1', JSON.stringify(entry))
  assert.equal(await told(...SUGGESTED), undefined)
  assert.equal(await asking(t, [])(RULE), 'invalid_command remember.0')
})

test('an answer is refused if it asks to remember an entry that only another request suggests', async (t) => {
  const agent = new AskingAgent(t)
  agent.says(
    asks('one', {}, { permission_suggestions: [MODE] }),
    asks('two', {}, { permission_suggestions: [RULE] }),
  )
  const body = { decision: 'allow', remember: [MODE] }
  assert.equal(await agent.told('permission', { ...body, request_id: 'two' }), 'invalid_command remember.0')
  assert.equal(await agent.told('permission', { ...body, request_id: 'one' }), undefined)
  assert.deepEqual(agent.answers[0]?.[1].updatedPermissions, [MODE])
})

test('a suggestion is accepted with its fields in any order, and only for the session', async (t) => {
  const { type, rules, behavior } = RULE
  assert.equal(await asking(t, SUGGESTED)({ destination: 'localSettings', behavior, rules, type }), undefined)
  assert.equal(await asking(t, SUGGESTED)({ ...RULE, destination: 'session' }), undefined)
  assert.equal(await asking(t, ['strange', 7, null])(7, null, 'strange'), undefined)
})

test('a thousand entries are quickly compared with a thousand suggestions', async (t) => {
  const offers = Array.from({ length: 1000 }, (_, n) => ({ ...FOLDERS, directories: [`/srv/${n}`] }))
  const told = asking(t, offers)
  assert.equal(await told(...offers.toReversed(), ...offers, MODE), 'invalid_command remember.2000')
  assert.equal(await told(...offers), undefined)
})

const OF_SESSION = { ...RULE, destination: 'session' }
const offering = (...suggestions: unknown[]) => requestFor('r', { command: 'touch a1' }, { suggestions })
const PLACE = '.claude/settings.local.json in its folder'

test('the answer “always” remembers only rules for the requested tool', () => {
  const granted = (request: PermissionRequest) => rememberedBy(request, { always: true, also: [] }).remember
  assert.deepEqual(granted(offering(...SUGGESTED)), [OF_SESSION])
  const all = { ...OF_SESSION, rules: [{ toolName: 'Bash' }] }
  const more = [
    { ...OF_SESSION, rules: [{ toolName: 'Write' }] },
    { ...OF_SESSION, rules: [...RULE.rules, { toolName: 'Read' }] },
    { ...OF_SESSION, behavior: 'deny' },
    { ...OF_SESSION, mode: 'acceptEdits' },
    { ...OF_SESSION, rules: [{ ...RULE.rules[0], more: true }] },
    { ...OF_SESSION, rules: [] },
    { ...OF_SESSION, rules: 'Bash' },
    { ...OF_SESSION, type: 'replaceRules' },
    { ...OF_SESSION, destination: 7 },
    { type: 'removeRules' },
    { type: '__proto__', destination: 'session' },
    'Bash',
    null,
  ]
  assert.deepEqual(granted(offering(all, ...more)), [all])
  for (const only of more)
    assert.throws(() => granted(offering(only)), /The request offers no rule for Bash/, JSON.stringify(only))
})

test('a rule without content is shown as “every use”, and unusual characters are made visible', () => {
  const said = (ruleContent: unknown) => {
    const request = offering({ ...OF_SESSION, rules: [{ toolName: 'Bash', ruleContent }] })
    const text = offersText(request, colors(false))
    return [rememberedBy(request, { always: true, also: [] }).remembered[0], text]
  }
  for (const none of [undefined, '', ' ']) {
    const [remembered, offered] = said(none)
    assert.equal(remembered, 'Bash (every use), for this session')
    assert.match(offered!, /- rule: Bash \(every use\)$/)
  }
  const [remembered, offered] = said('ls \u202e\u{e0061}r\u0336m\n\x1b[2J*')
  const shown = 'Bash(ls ⟨U+202E⟩⟨U+E0061⟩r⟨U+0336⟩m␊␛[2J*)'
  assert.equal(remembered, `${shown}, for this session`)
  assert.ok(offered!.includes(`- rule: ${shown}\n! Hidden in it`), offered)
})

test('the answer “always” includes a mode, a directory, or a place to save the rule only if the answer names it', () => {
  const request = offering(...SUGGESTED, { type: 'removeRules' })
  const by = (...also: ('save' | 'mode' | 'directories' | 'other')[]) =>
    rememberedBy(request, { always: true, also })
  assert.deepEqual(by('save').remember, [RULE])
  assert.deepEqual(by('mode').remember, [OF_SESSION, MODE])
  assert.deepEqual(by('directories').remember, [OF_SESSION, FOLDERS])
  assert.deepEqual(by('other').remember, [OF_SESSION, { type: 'removeRules' }])
  assert.deepEqual(by('save', 'mode'), {
    remember: [RULE, MODE],
    remembered: [`Bash(touch a1), saved in ${PLACE}`, 'mode acceptEdits, for this session'],
    left: ['directories /srv/a', 'other {"type":"removeRules"}'],
  })
  assert.throws(
    () => rememberedBy(offering(RULE), { always: true, also: ['mode'] }),
    /offers no permission mode/,
  )
  assert.throws(
    () => rememberedBy(offering(OF_SESSION), { always: true, also: ['save'] }),
    /does not offer to save/,
  )
})

test('people and programs see which suggestions were remembered and which were not', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const request = offering(...SUGGESTED)
  await agent.pends(request)
  const shown = await agent.run('show', 'a')
  assert.match(
    shown.stdout,
    /It offers to remember:\n +- rule: Bash\(touch a1\) \(save: in .*\)\n +- directories: \/srv\/a\n +- mode: acceptEdits\n/,
  )
  const always = agent.run('approve', 'a', '--always', '--request', request.digest)
  const [first] = await agent.answers(1)
  assert.deepEqual(first?.type === 'agent:permission' && first.remember, [OF_SESSION])
  assert.equal(
    (await always).stdout,
    'Allowed: Bash: touch a1\n  Remembered: Bash(touch a1), for this session\n  Not remembered: directories /srv/a; mode acceptEdits\n',
  )
  await agent.pends({ ...request, request_id: 'again' })
  const flags = ['--always', '--also', 'save,mode', '--request', request.digest, '--json']
  const also = agent.run('approve', 'a', ...flags)
  const [, second] = await agent.answers(2)
  assert.deepEqual(second?.type === 'agent:permission' && second.remember, [RULE, MODE])
  const { remembered, not_remembered } = JSON.parse((await also).stdout)
  assert.deepEqual(remembered, [`Bash(touch a1), saved in ${PLACE}`, 'mode acceptEdits, for this session'])
  assert.deepEqual(not_remembered, ['directories /srv/a'])
  await agent.pends(request)
  const plain = agent.run('approve', 'a', '--request', request.digest)
  const [, , third] = await agent.answers(3)
  assert.equal(third?.type === 'agent:permission' && third.remember, undefined)
  assert.equal((await plain).stdout, 'Allowed: Bash: touch a1\n')
  assert.equal((await agent.run('approve', 'a', '--also', 'everything')).code, 2)
})

test('a terminal asks separately about each suggestion except the rule for the requested tool', async (t) => {
  const agent = await ScriptedAgent.open(t)
  const request = offering(...SUGGESTED)
  await agent.asks(request)
  await agent.pends(request)
  const terminal = await agent.terminal()
  await terminal.begin('fd agent watch a')
  await terminal.shows(/- rule: Bash\(touch a1\) \(save: in .*\)\n[\s\S]*y yes, n no, a always, or .*> $/)
  await terminal.type('a')
  for (const [question, typed] of [
    [/Save Bash\(touch a1\) in \.claude\/settings\.local\.json .*\? \(No: this session only\.\) y\/N> $/, ''],
    [/Also let the agent work in \/srv\/a\? y\/N> $/, 'n'],
    [/Also switch to permission mode acceptEdits\? y\/N> $/, 'y'],
  ] as const) {
    await terminal.shows(question)
    await terminal.type(typed)
  }
  const [answer] = await agent.answers(1)
  assert.deepEqual(answer?.type === 'agent:permission' && answer.remember, [OF_SESSION, MODE])
  await terminal.shows(
    /Remembered: Bash\(touch a1\), for this session\n +Remembered: mode acceptEdits, .*\n +Not remembered: directories/,
  )
  // If a request suggests only a mode, the answer "always" grants nothing by itself.
  const edit = { ...offering(MODE), request_id: 'edit' }
  await agent.asks(edit)
  await agent.pends(edit)
  await terminal.shows(/- mode: acceptEdits\n +y yes, n no, a always.*> $/)
  await terminal.type('a')
  await terminal.shows(/permission mode acceptEdits\? y\/N> $/)
  await terminal.type('n')
  await terminal.shows(/Nothing to remember\. Type y to allow it once\.\n.*> $/)
  // A “y” that was typed before the question appeared does not count.
  await terminal.press('a', 'Enter', 'y', 'Enter')
  await terminal.shows(/once\.\n.*> a\n[\s\S]*permission mode acceptEdits\? y\/N> $/)
  assert.equal((await agent.answers(1)).length, 1)
})

test('after the answer “always”, Claude Code repeats the same action without asking, but only in this session', async (t) => {
  const { stage } = await claudeStage(t)
  await stage.hub()
  await stage.daemon()
  const bash = (command: string) => [{ tool: 'Bash', input: { command } }]
  const write = [{ tool: 'Write', input: { file_path: join(stage.cwd, 'other.sh'), content: 'echo hi' } }]
  const steps = [bash('touch a1'), [{ text: 'one' }]]
  const agent = await stage.start({ prompt: `go ${mock(...steps)}` })
  const name = await stage.asked(agent)
  const offers = (await stage.agent(agent)).pending[0]?.suggestions as { type: string }[]
  assert.deepEqual(offers.map(({ type }) => type).sort(), ['addDirectories', 'addRules', 'setMode'])
  const always = stage.run(['agent', 'approve', agent, '--always', ...name])
  assert.equal(await always.ended, 0, always.log())
  assert.match(always.log(), /Allowed: Bash: touch a1\n +Remembered: Bash\(touch a1 \*\), for this session\n/)
  assert.match(always.log(), /Not remembered: directories \S+; mode acceptEdits\n$/)
  await stage.agentIs(agent, 'idle')
  assert.ok(existsSync(join(stage.cwd, 'a1')))
  assert.ok(!existsSync(join(stage.cwd, '.claude/settings.local.json')))

  const more = mock(bash('touch a1'), write, bash('rm a1'), [{ text: 'two' }])
  await stage.command(agent, 'prompt', { content: `go on ${more}` })
  for (const tool of ['Write', 'Bash']) {
    const status = await stage.agentIs(agent, ({ pending }) => pending[0]?.tool === tool)
    assert.equal(status.permission_mode, 'default')
    const { request_id, digest } = status.pending[0]!
    await stage.command(agent, 'permission', { request_id, digest, decision: 'deny' })
  }
  await stage.agentIs(agent, 'idle')
  assert.ok(existsSync(join(stage.cwd, 'a1')) && !existsSync(join(stage.cwd, 'other.sh')))
})
