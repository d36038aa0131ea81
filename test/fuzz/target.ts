import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../chaos/random.ts'
import type { Cleanup } from '../support/temp.ts'

/** A part of the program that reads input from other programs. */
export interface Target {
  /** Number of inputs between two checks. */
  batch: number
  /** Returns an input that depends only on the random numbers. */
  input(random: Random): Buffer
  /** Feeds inputs. @throws if the target handles an input wrongly */
  feed(inputs: Buffer[]): Promise<void>
  /** Checks that the target still works. @throws if the target has ended or does not answer */
  check(): Promise<void>
  /** Returns the memory of the target's process, in bytes. */
  memory(): number
  /** Maximum memory, in bytes. */
  memoryLimit: number
  /** Returns the target's disk usage, in bytes. */
  disk(): number
}

export type OpenTarget = (t: Cleanup) => Promise<Target>

const MIB = 1024 * 1024
export const mib = (n: number) => n * MIB

/** Returns a process's memory in bytes; 0 if it has ended. */
export function memoryOf(pid: number): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) * 1024
  } catch {
    return 0
  }
}

/** Returns the total size of the files in a folder, in bytes. */
export function sizeOf(dir: string): number {
  let bytes = 0
  for (const name of readdirSync(dir, { recursive: true }) as string[])
    bytes += statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0
  return bytes
}
