import * as z from 'zod/mini'

/** Returns the compiled form of a schema. The build of the console replaces this module, because no page compiles. */
export const compileSchema = <S extends z.ZodMiniType>(schema: S): S => z.compile(schema)
