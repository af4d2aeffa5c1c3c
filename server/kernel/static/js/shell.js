// The shell's behaviour; each part is a module of its own.
import "./times.js";
