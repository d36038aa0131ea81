/**
 * Types of features that ES2022 lacks. The oldest supported version, Node 18.19, has some of these features.
 * Only newer versions of Node have the others. `npm run check` refuses code in src/ that uses any other
 * feature beyond ES2022.
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
