// Needs: groff
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { program } from '../../../src/cli/program.ts'
import { manPage } from '../../../src/cli/render/man-page.ts'

const page = manPage(await program(['--help']))
const groff = (...args: string[]) =>
  spawnSync('groff', ['-man', '-Tutf8', '-ww', ...args], { input: page, encoding: 'utf8' })

test('the manual page lists every command with its flags and examples, exactly as typed', () => {
  const { stdout, stderr } = groff('-P-cbou', '-rLL=200n')
  assert.equal(stderr, '')
  assert.match(stdout, /^NAME\n +fomular-daemon - run AI coding agents/m)
  assert.match(stdout, /^ +fomular-daemon agent start \[options\]\n +start an agent\n/m)
  assert.match(stdout, /--lease <seconds:action>\n +what the agent does without a daemon/)
  assert.match(stdout, /\$ git diff \| fomular-daemon agent start --prompt - --append-system-prompt/)
  assert.match(stdout, /^EXIT CODES\n[\s\S]*130 interrupted by Ctrl-C/m)
  assert.doesNotMatch(stdout, /self-check|update-guard/)
})
