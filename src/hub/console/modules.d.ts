/** The console's files, which the build puts into the program. */
declare module 'console:files' {
  export const files: Record<string, import('./console-files.ts').ConsoleFile>
}
