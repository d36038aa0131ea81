import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { agentFolders, journalPath } from '../../../../../../src/hub/store/files/agent-folder.ts'
import { recoverJournals } from '../../../../../../src/hub/store/files/commits/recover-journals.ts'
import { JournalStore } from '../../../../../../src/hub/store/files/journal-store.ts'
import { createLogger } from '../../../../../../src/platform/log.ts'
import { frameOf } from '../../../../../support/light-daemon.ts'
import { ManualClock } from '../../../../../support/manual-clock.ts'
import { tempDir } from '../../../../../support/temp.ts'
import { until } from '../../../../../support/wait.ts'

const logger = createLogger({ level: 'silent', stderr: 'none' })

/** A store whose folder can be left as after a crash. */
export function storeIn(t: TestContext, { usesLog = true } = {}) {
  const root = tempDir(t)
  const [dir, commitsDir] = [join(root, 'agents'), join(root, 'commits')]
  const clock = new ManualClock()
  const open = () => {
    const opened = new JournalStore({ dir, commitsDir, clock, logger })
    if (usesLog) opened.useCommitLog()
    t.after(() => opened.close())
    return opened
  }
  const store = open()
  const take = (key: string, from: number, to: number, into = store) =>
    into.take(key, 'm', frameOf(key, from, to), 0)
  /** Stores bytes `from` to `to` of an agent's journal. */
  const commit = async (key: string, from: number, to: number, into = store) => {
    assert.equal(await take(key, from, to, into), 'taken')
    const isStored = () => {
      clock.pass(10)
      return into.stateOf(key).have >= to
    }
    await until(isStored, { what: `the activity of ${key}` })
  }
  /** Stores a first line, which is synced alone, and a second line, which is in the log. */
  const begin = async (...keys: string[]) => {
    for (const key of keys) {
      await commit(key, 0, 50)
      await commit(key, 50, 100)
    }
  }
  const journal = (key: string) => journalPath(dir, key)
  const text = (key: string) => readFileSync(journal(key), 'utf8')
  const keys = () => agentFolders(dir)
  const recover = (pathOf = (key: string) => journalPath(dir, key)) =>
    recoverJournals({ dir: commitsDir, keys, pathOf, logger })
  const segments = () => readdirSync(commitsDir)
  const segment = () => join(commitsDir, segments()[0]!)
  return {
    dir,
    commitsDir,
    clock,
    store,
    open,
    take,
    begin,
    commit,
    journal,
    text,
    recover,
    segments,
    segment,
  }
}
