declare const FOMULAR_EXECUTABLE: boolean | undefined

/** Whether this program is an executable with Node inside, not a file that Node is told to run. */
export const EXECUTABLE: boolean = typeof FOMULAR_EXECUTABLE === 'boolean' && FOMULAR_EXECUTABLE
