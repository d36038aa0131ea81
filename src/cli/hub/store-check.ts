import { hubStore, type StorePlace, storePlace } from '../../config/hub-store.ts'
import { stateDir, statePaths } from '../../config/paths.ts'
import { checkStore } from '../../hub/check/check-store.ts'
import { onStores, readContents } from '../../hub/open-contents.ts'
import { EXIT } from '../../platform/exit-codes.ts'
import { createLogger } from '../../platform/log.ts'
import { cleanLine } from '../render/clean.ts'
import { bytes } from '../render/units.ts'
import { print, printJson } from '../terminal.ts'
import type { CheckFlags } from './store.ts'
import { StoreProgress } from './store-progress.ts'

/** Maximum length of a finding, in characters. */
const FINDING_CHARS = 500

/** Checks the data of a hub, and sets the exit code. */
export async function checkStoreOf(named: string | undefined, { json = false, ...flags }: CheckFlags) {
  const place = named === undefined ? ownStore(flags) : storePlace(named, 'the store', flags, process.env)
  await onStores(() => check(place, json))
}

async function check(place: StorePlace, json: boolean): Promise<void> {
  const store = await readContents(place, createLogger({ level: 'warn', stderr: 'text' }))
  const progress = new StoreProgress({ json: false })
  try {
    const result = await checkStore(store, (done) => progress.show('check', 'Checking', done))
    progress.end()
    if (result.problems > 0) process.exitCode = EXIT.failure
    if (json) return printJson(result)
    for (const { level, message } of result.findings)
      print(`${level === 'problem' ? '✗' : '-'} ${cleanLine(message, FINDING_CHARS)}`)
    const hidden = result.problems + result.notes - result.findings.length
    if (hidden > 0) print(`… and ${hidden} more`)
    const size = `${result.agents} agents with ${bytes(result.bytes)} of history`
    const problems = result.problems === 1 ? '1 problem' : `${result.problems} problems`
    print(`${result.store}: ${size}, ${result.problems === 0 ? 'no problems' : problems}.`)
  } finally {
    progress.end()
    await store.close()
  }
}

/** Returns the store that `hub` would use on this machine. */
const ownStore = (flags: CheckFlags): StorePlace => {
  const address = hubStore(flags, process.env)
  return address ? { address } : { dir: statePaths(stateDir(process.env)).hub }
}
