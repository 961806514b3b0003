/** What ipc needs of a logger; pino's loggers fit. Fields never hold arguments of a request. */
export interface IpcLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
