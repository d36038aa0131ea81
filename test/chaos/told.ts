/** Time for a daemon to tell the hub of a rollback after the welcome, in ms. */
const TOLD_MS = 3000

interface Told {
  /** Times of the rollbacks, in milliseconds since 1970. */
  setBacks: readonly number[]
  /** `welcomedAt` is the time of the last welcome. */
  proxy: { readonly welcomedAt: number }
}

/**
 * Reports whether the present release has told the hub of the machine's last rollback. The previous release
 * does not know rollbacks: what agents have written since then would be missing at the hub.
 */
export const hasToldOfRollback = ({ setBacks, proxy: { welcomedAt } }: Told) =>
  setBacks.every((at) => at < welcomedAt && welcomedAt + TOLD_MS < Date.now())
