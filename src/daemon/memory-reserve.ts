import type { Policy } from '../policy/schema.ts'

const MIB = 1024 * 1024
/** Memory that must stay free by default, in MiB, because the memory use of running agents may still grow. */
const RESERVE_MB = 512

/** Returns the memory that must stay free, in bytes, and whether the policy sets this number. */
export function memoryReserve(policy: Policy | undefined) {
  const chosen = policy?.resources.memory_reserve_mb
  return { bytes: (chosen ?? RESERVE_MB) * MIB, chosen: chosen !== undefined }
}
