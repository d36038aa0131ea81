import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../chaos/random.ts'
import type { Cleanup } from '../support/temp.ts'

/** A part of the program that takes input from others. */
export interface Target {
  /** Number of inputs between two looks at how it is. */
  batch: number
  /** Makes an input. What it is depends on nothing but the random numbers. */
  input(random: Random): Buffer
  /** Gives it inputs. @throws if it takes one in a way that no input may be taken */
  feed(inputs: Buffer[]): Promise<void>
  /** Looks whether it still works. @throws if it has ended or does not answer */
  check(): Promise<void>
  /** Memory that its process has in use, in bytes. */
  memory(): number
  /** Maximum of that. */
  memoryLimit: number
  /** Bytes that it has on disk. */
  disk(): number
}

export type OpenTarget = (t: Cleanup) => Promise<Target>

const MIB = 1024 * 1024
export const mib = (n: number) => n * MIB

/** Memory of a process, in bytes; 0 once it has ended. */
export function memoryOf(pid: number): number {
  try {
    const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return Number(kib) * 1024
  } catch {
    return 0
  }
}

/** Bytes of the files in a folder. */
export function sizeOf(dir: string): number {
  let bytes = 0
  for (const name of readdirSync(dir, { recursive: true }) as string[])
    bytes += statSync(join(dir, name), { throwIfNoEntry: false })?.size ?? 0
  return bytes
}
