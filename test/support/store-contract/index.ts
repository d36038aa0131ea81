import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuditLimits } from '../../../src/config/hub-limits.ts'
import type { Store } from '../../../src/hub/store/store.ts'
import { keepsActivity } from './activity.ts'
import { keepsRecords } from './records.ts'
import { keepsWithinLimits } from './within-limits.ts'

/** A store for the tests. Its hub can end in two ways: `close`, and `kill`. */
export interface StoreUnderTest {
  /** Opens the store. Every call opens the same store. @param audit limits of the audit log */
  open(audit?: AuditLimits): Promise<Store>
  /** Ends the store as if its hub were killed. */
  kill(store: Store): Promise<void>
}

/** Adds tests of what `Store` promises. Every store must pass the same tests. */
export function keepsTheContract(name: string, make: (t: TestContext) => StoreUnderTest) {
  keepsActivity(name, make)
  keepsRecords(name, make)
  keepsWithinLimits(name, make)
  describe(`${name}: one hub at a time`, () => {
    test('a second hub is refused while the first hub has the store open', async (t) => {
      const under = make(t)
      const store = await under.open()
      await assert.rejects(under.open(), { code: 'hub_running' })
      await store.close()
      await (await under.open()).close()
    })
  })
}
