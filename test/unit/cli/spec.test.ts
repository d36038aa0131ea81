import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promptContent } from '../../../src/cli/agent/prompt-content.ts'
import { specFrom, splitTools } from '../../../src/cli/agent/spec.ts'
import { AgentSpec } from '../../../src/protocol/index.ts'
import { tempDir } from '../../support/temp.ts'

test('all flags of a start become fields of the spec', (t) => {
  const dir = tempDir(t)
  const mcpConfig = join(dir, 'mcp.json')
  writeFileSync(mcpConfig, '{"mcpServers":{"docs":{"command":"docs"}}}')
  const spec = specFrom(
    {
      cwd: 'relative',
      title: 'T',
      model: 'm',
      fallbackModel: 'f',
      effort: 'high',
      permissionMode: 'plan',
      appendSystemPrompt: 'more',
      allowedTools: ['Read,Bash(git log *, x)', 'Edit'],
      mcpConfig,
      addDir: ['/a', 'b'],
      env: ['A=1', 'B=x=y', 'EMPTY='],
      resume: '00000000-0000-4000-8000-000000000000',
      fork: true,
      maxTurns: 3,
      maxBudgetUsd: 1.5,
      memoryMaxMb: 2048,
      memoryHighMb: 1024,
      cpuWeight: 50,
      tasksMax: 200,
      restart: 'on-loss',
      onLimit: 'wait',
      lease: '3600:stop-when-idle',
    },
    'hi',
  )
  assert.deepEqual(spec, {
    cwd: join(process.cwd(), 'relative'),
    title: 'T',
    model: 'm',
    effort: 'high',
    prompt: 'hi',
    fallback_model: 'f',
    permission_mode: 'plan',
    system_prompt: { mode: 'append', text: 'more' },
    allowed_tools: ['Read', 'Bash(git log *, x)', 'Edit'],
    mcp_servers: { docs: { command: 'docs' } },
    add_dirs: ['/a', join(process.cwd(), 'b')],
    env: { A: '1', B: 'x=y', EMPTY: '' },
    session: { resume: '00000000-0000-4000-8000-000000000000', fork: true },
    limits: {
      max_turns: 3,
      max_budget_usd: 1.5,
      memory_max_mb: 2048,
      memory_high_mb: 1024,
      cpu_weight: 50,
      tasks_max: 200,
    },
    restart: { policy: 'on-loss', resume_turn: false },
    on_limit: 'wait',
    lease: { after_s: 3600, action: 'stop-when-idle' },
  })
  assert.ok(AgentSpec.safeParse(spec).success)
})

test('invalid start flags are refused before anything is sent', () => {
  assert.throws(() => specFrom({ fork: true }, undefined), /--fork requires --resume/)
  assert.throws(() => specFrom({ systemPrompt: 'a', appendSystemPrompt: 'b' }, undefined), /Give one of them/)
  assert.throws(() => specFrom({ env: ['1x=2'] }, undefined), /--env: "1x=2" is not NAME=VALUE/)
  assert.throws(() => specFrom({ env: ['SURELY_NOT_SET_HERE'] }, undefined), /is not set in this environment/)
  assert.throws(() => specFrom({ lease: 'soon' }, undefined), /--lease: "soon" is not SECONDS:ACTION/)
  assert.throws(() => specFrom({ mcpConfig: '/none' }, undefined), /Cannot read \/none/)
})

test('tools are split at commas outside parentheses', () => {
  assert.deepEqual(splitTools(' Read , Bash(a, b),Edit,'), ['Read', 'Bash(a, b)', 'Edit'])
})

test('a prompt is read from text or a file, with optional images', (t) => {
  const dir = tempDir(t)
  const file = join(dir, 'prompt.md')
  const image = join(dir, 'image.jpg')
  const png = Buffer.from('89504e470d0a1a0a00', 'hex')
  writeFileSync(file, 'from a file')
  writeFileSync(image, png)
  assert.equal(promptContent({}), undefined)
  assert.equal(promptContent({ prompt: 'text' }), 'text')
  assert.equal(promptContent({ promptFile: file }), 'from a file')
  assert.deepEqual(promptContent({ prompt: 'look', image: [image] }), [
    { type: 'text', text: 'look' },
    { type: 'image', media_type: 'image/png', data: png.toString('base64') },
  ])
  assert.throws(() => promptContent({ prompt: 'a', promptFile: file }), /not both/)
  assert.throws(() => promptContent({ prompt: ' ' }), /The prompt is empty/)
  assert.throws(() => promptContent({ image: [file] }), /is not a PNG, JPEG, GIF, or WebP image/)
})
