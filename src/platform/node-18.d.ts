/**
 * Types that the oldest supported Node adds to ES2022, and types that only newer versions of Node have.
 * Without an entry here, `npm run check` refuses code in src/ that Node 18.19 could not run.
 */

interface Array<T> extends FindsLast<T> {}
interface ReadonlyArray<T> extends FindsLast<T> {}

/** The methods of ES2023 that Node 18 has. */
interface FindsLast<T> {
  findLast<S extends T>(isFound: (value: T, index: number) => value is S): S | undefined
  findLast(isFound: (value: T, index: number) => unknown): T | undefined
  findLastIndex(isFound: (value: T, index: number) => unknown): number
}

declare namespace NodeJS {
  interface Process {
    /** Node 22.15 and newer. */
    execve?(file: string, args: readonly string[], env: ProcessEnv): never
  }
}
