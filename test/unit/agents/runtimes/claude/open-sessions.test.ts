import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { claude } from '../../../../../src/agents/runtimes/claude/index.ts'
import { tempDir } from '../../../../support/temp.ts'

test('open sessions are read from Claude Code’s records, and malformed records are skipped', (t) => {
  const home = tempDir(t)
  const write = (folder: string, pid: number, text: string) => {
    mkdirSync(join(home, folder, 'sessions'), { recursive: true })
    writeFileSync(join(home, folder, 'sessions', `${pid}.json`), text)
  }
  assert.equal(claude.openSessions({ HOME: home }, [1]).size, 0)
  write('.claude', 11, '{"pid":11,"sessionId":"s-1","procStart":"77"}')
  write('.claude', 12, '{"sessionId":5}')
  write('.claude', 13, '{"sess')
  write('.claude', 14, JSON.stringify({ sessionId: 's-4', more: 'x'.repeat(100_000) }))
  // No process ever writes to this pipe, so reading it would block forever.
  execFileSync('mkfifo', [join(home, '.claude/sessions/15.json')])
  write('.claude', 16, '{"sessionId":"s-6"}')
  write('other', 11, '{"sessionId":"s-7"}')
  const found = claude.openSessions({ HOME: home }, [11, 12, 13, 14, 15])
  assert.deepEqual([...found.keys()], [11])
  assert.equal(found.get(11)?.sessionId, 's-1')
  const env = { HOME: home, CLAUDE_CONFIG_DIR: join(home, 'other') }
  assert.equal(claude.openSessions(env, [11, 16]).get(11)?.sessionId, 's-7')
})

test('a session record that links to an endless file is skipped', (t) => {
  const home = tempDir(t)
  mkdirSync(join(home, '.claude/sessions'), { recursive: true })
  symlinkSync('/proc/self/pagemap', join(home, '.claude/sessions/15.json'))
  assert.equal(claude.openSessions({ HOME: home }, [15]).size, 0)
})
