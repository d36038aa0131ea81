import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLogger } from '../../../src/platform/log.ts'
import { formatLogLine } from '../../../src/platform/log-line.ts'
import { tempDir } from '../../support/temp.ts'

test('a log entry is always one line without control characters', () => {
  const entry = {
    time: '2026-11-25T01:02:03.456Z',
    level: 'info',
    msg: 'machine connected',
    hostname: '\x1b[2Jbox\n2026-11-25 01:02:04 info  all is well\u202e\x9b',
    err: { message: 'a\tb' },
  }
  assert.equal(
    formatLogLine(JSON.stringify(entry)),
    '2026-11-25 01:02:03Z info  machine connected (a\\tb) hostname=\\u001b[2Jbox\\n2026-11-25 01:02:04 info  all is well\\u202e\\u009b\n',
  )
})

test('a log entry keeps the stack of an error, on lines that do not look like an entry', () => {
  const stack =
    'Error: a\n2026-11-25 01:02:04Z info  all is well\n    at one (\x1b[2J)\ncaused by: Error: b\n    at two'
  const entry = {
    time: '2026-11-25T01:02:03.456Z',
    level: 'error',
    msg: 'failed',
    err: { message: 'a', stack },
    n: 1,
  }
  assert.deepEqual(formatLogLine(JSON.stringify(entry)).split('\n'), [
    '2026-11-25 01:02:03Z error failed (a) n=1',
    '    2026-11-25 01:02:04Z info  all is well',
    '    at one (\\u001b[2J)',
    '    caused by: Error: b',
    '    at two',
    '',
  ])
  for (const code of ['ENOENT', 'disk_full'])
    assert.equal(
      formatLogLine(JSON.stringify({ ...entry, err: { message: 'a', stack, code } })).split('\n').length,
      2,
    )
  const misused = { ...entry, err: { message: 'a', stack, code: 'ERR_INVALID_ARG_TYPE' } }
  assert.match(formatLogLine(JSON.stringify(misused)), /^ {4}at /m)
  const endless = { ...entry, err: { message: 'a', stack: 'a\n'.repeat(1000) } }
  assert.ok(formatLogLine(JSON.stringify(endless)).split('\n').length < 60)
})

/**
 * Returns the lines that a program writes to standard error. With `journal`, standard error looks like
 * journald.
 */
function errors(t: TestContext, args: string[], journal = true): string[] {
  const path = join(tempDir(t), 'stderr')
  const fd = openSync(path, 'w')
  const { dev, ino } = fstatSync(fd)
  const env = { ...process.env, JOURNAL_STREAM: `${dev}:${journal ? ino : ino + 1}` }
  spawnSync(process.execPath, args, { env, stdio: ['ignore', 'ignore', fd] })
  closeSync(fd)
  return readFileSync(path, 'utf8').trimEnd().split('\n')
}

function logged(t: TestContext, { format, journal }: { format: 'text' | 'json'; journal: boolean }) {
  const log = new URL('../../../src/platform/log.ts', import.meta.url).href
  const program = `const { createLogger } = await import('${log}')
    const logger = createLogger({ level: 'trace', stderr: '${format}' })
    logger.fatal({ err: new Error('why') }, 'over')
    for (const level of ['error', 'warn', 'info', 'debug']) logger[level](level + ' it is')`
  return errors(t, ['--input-type=module', '-e', program], journal)
}

describe('a log that journald reads', () => {
  test('a log for journald has the priority of each line, but no times, because journald adds them', (t) => {
    const lines = logged(t, { format: 'text', journal: true })
    assert.equal(lines[0], '<2>fatal over (why)')
    assert.match(lines[1]!, /^<2> {4}at /)
    assert.deepEqual(lines.slice(-4), [
      '<3>error error it is',
      '<4>warn  warn it is',
      '<6>info  info it is',
      '<7>debug debug it is',
    ])
  })

  test('a log for journald in JSON format has the priority before each line', (t) => {
    const [fatal, error] = logged(t, { format: 'json', journal: true })
    assert.match(fatal!, /^<2>\{"level":"fatal","time":"/)
    assert.equal(JSON.parse(error!.replace(/^<3>/, '')).msg, 'error it is')
  })

  test('a log for journald contains the error that ends the program', (t) => {
    const program = fileURLToPath(new URL('../../../dist/index.js', import.meta.url))
    const [error, remedy] = errors(t, [program, 'run', 'nonsense'])
    assert.match(error!, /^<3>error: There is no command "nonsense"/)
    assert.match(remedy!, /^<3> {2}→ /)
    assert.match(errors(t, [program, 'run', 'nonsense'], false)[0]!, /^error: /)
  })

  test('a log is an ordinary log if standard error is not connected to journald', (t) => {
    const lines = logged(t, { format: 'text', journal: false })
    assert.match(lines[0]!, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ fatal over \(why\)$/)
    assert.match(lines.at(-1)!, /Z debug debug it is$/)
  })
})

describe('a log file', () => {
  const MIB = 1024 * 1024
  const open = (t: TestContext) => {
    const dir = tempDir(t)
    const file = join(dir, 'daemon.log')
    const logger = createLogger({ level: 'info', file, stderr: 'none' })
    const fill = () => {
      for (let size = 0; size < 8 * MIB; size += MIB) logger.info('x'.repeat(MIB))
    }
    return { dir, file, logger, fill, text: () => readFileSync(file, 'utf8') }
  }

  test('a full log file is moved aside, even if a folder has the name of the earlier file', (t) => {
    const { dir, file, logger, fill, text } = open(t)
    mkdirSync(join(dir, 'daemon.log.1/folder'), { recursive: true })
    fill()
    logger.info('next')
    assert.match(text(), /"msg":"next"\}\n$/)
    assert.ok(text().length < 200)
    assert.ok(statSync(`${file}.1`).isFile() && statSync(`${file}.1`).size > 8 * MIB)
    assert.ok(readdirSync(dir).some((name) => name.startsWith('daemon.log.1.damaged-')))
  })

  test('a log file keeps growing if it cannot be moved aside', (t) => {
    const { dir, file, logger, fill, text } = open(t)
    fill()
    rmSync(file)
    logger.info('next')
    logger.info('and next')
    assert.match(text(), /"msg":"next"\}\n.*"msg":"and next"\}\n$/)
    rmSync(dir, { recursive: true })
    logger.info('lost')
    mkdirSync(dir)
    logger.info('found')
    assert.match(text(), /^\{.*"msg":"found"\}\n$/)
    assert.ok(!existsSync(`${file}.1`))
  })
})
