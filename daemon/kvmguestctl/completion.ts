import type { Command, CommandContext } from "./command.ts";
import { CommandError, EXIT_CODES } from "./exit-codes.ts";
import { COMMON_OPTIONS, OPTIONS, type OptionName } from "./options.ts";

/** Prints what a shell needs to complete commands, options, and the names of guests and resources. */
export function runCompletion(
  { words, terminal }: CommandContext,
  commands: readonly Command[],
): Promise<number> {
  const [shell] = words;
  if (shell === "bash") terminal.print(bashCompletion(commands));
  else if (shell === "zsh")
    terminal.print(`autoload -Uz bashcompinit && bashcompinit\n${bashCompletion(commands)}`);
  else throw new CommandError("wrong", "there is completion for bash and zsh");
  return Promise.resolve(EXIT_CODES.done.code);
}

/** Names are asked of the daemon, for a second at most. */
export function bashCompletion(commands: readonly Command[]): string {
  const cases = commands.map(
    ({ name, options }) =>
      `        ${name}) options="${[...options, ...COMMON_OPTIONS].map(dashed).join(" ")}" ;;`,
  );
  return `# bash completion of kvmguestctl
_kvmguestctl() {
    local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} command= options= at
    for ((at = 1; at < COMP_CWORD; at++)); do
        case \${COMP_WORDS[at]} in
        -*) ;;
        *)
            case \${COMP_WORDS[at-1]} in ${valued().join("|")}) ;; *) command=\${command:-\${COMP_WORDS[at]}} ;; esac
            ;;
        esac
    done
    case $before in
    --socket | --config) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --timeout | --interval) return ;;
    esac
    case $command in
        '') COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$word")); return ;;
${cases.join("\n")}
    esac
    case $word in
    -*) COMPREPLY=($(compgen -W "$options" -- "$word")); return ;;
    esac
    case $command in
    log-level) COMPREPLY=($(compgen -W "debug info warn error" -- "$word")) ;;
    completion) COMPREPLY=($(compgen -W "bash zsh" -- "$word")) ;;
    entry-point)
        if [[ $before == entry-point || $before == -* ]]; then
            COMPREPLY=($(compgen -W "open close online offline monitor clean attr_changed migrate shutdown action/guestmigrated action/vmconfigsync action/DevScan" -- "$word"))
        else
            COMPREPLY=($(compgen -W "$(_kvmguestctl_names resource)" -- "$word"))
        fi
        ;;
    status | why | watch | events | check) COMPREPLY=($(compgen -W "$(_kvmguestctl_names resource guest)" -- "$word")) ;;
    esac
}

_kvmguestctl_names() {
    local kind
    for kind; do
        kvmguestctl status --json --timeout 1 2>/dev/null | grep -o "\\"$kind\\":\\"[^\\"]*\\"" | cut -d '"' -f 4
    done
}

complete -F _kvmguestctl kvmguestctl`;
}

function valued(): readonly string[] {
  return Object.entries(OPTIONS).flatMap(([name, { type }]) => (type === "string" ? [`--${name}`] : []));
}

function dashed(name: OptionName): string {
  return `--${name}`;
}
