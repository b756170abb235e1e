;;; run.el --- Runs the tests  -*- lexical-binding: t; -*-

;; emacs -Q --batch -l tests/run.el [PATTERN]: the tests run in an Emacs in a terminal of its own, where there are windows, a
;; minibuffer, and keys.  REPLWIRE names the server.

(require 'ert)
(defconst here (file-name-directory (or load-file-name buffer-file-name)))
(add-to-list 'load-path (expand-file-name ".." here))

(defun run-inside (pattern)
  "Run the tests that match PATTERN; the report is a file that $REPLWIRE_REPORT names."
  (let ((report "") (passed 0) (failed 0) (skipped 0) (start (float-time)) notes)
    (advice-add 'message :before (lambda (format &rest arguments)
                                   (when format (push (apply #'format format arguments) notes))))
    (load (expand-file-name "replwire-tests.el" here) nil t)
    (dolist (test (ert-select-tests (if (equal pattern "") t pattern) t))
      (setq notes nil)
      (let* ((name (ert-test-name test))
             (result (progn (write-region (format "%sno end of %s\n" report name) nil (getenv "REPLWIRE_REPORT") nil 'silent)
                            (ert-run-test test))))
        (cond ((ert-test-passed-p result) (cl-incf passed))
              ((ert-test-skipped-p result)
               (cl-incf skipped)
               (setq report (format "%sskipped: %s: %S\n" report name (ert-test-result-with-condition-condition result))))
              (t
               (cl-incf failed)
               (setq report (format "%sFAILED: %s\n%s\n   messages:\n%s\n" report name
                                    (if (ert-test-result-with-condition-p result)
                                        (truncate-string-to-width
                                         (format "%S" (ert-test-result-with-condition-condition result)) 3000)
                                      result)
                                    (string-join (reverse notes) "\n")))))))
    (setq report (format "%s%sEmacs %s: %d passed, %d failed, %d skipped, %.1f s\n" report (or (bound-and-true-p measured) "")
                         emacs-version passed failed skipped (- (float-time) start)))
    (write-region report nil (getenv "REPLWIRE_REPORT") nil 'silent)
    (kill-emacs (if (and (zerop failed) (> passed 0)) 0 1))))

(defun run-outside ()
  "Start an Emacs in a terminal, wait for it, and say what it reports."
  (let* ((report (make-temp-file "replwire-report"))
         (process-environment (append (list (concat "REPLWIRE_REPORT=" report) "TERM=xterm" "VIRTUAL_ENV=" "CONDA_PREFIX=")
                                      process-environment))
         (screen (generate-new-buffer "screen"))
         (process (make-process
                   :name "emacs" :buffer screen :connection-type 'pty
                   :command (list (expand-file-name invocation-name invocation-directory) "-nw" "-Q"
                                  "-l" (expand-file-name "run.el" here)
                                  "--eval" (format "(run-inside %S)" (or (car command-line-args-left) "")))))
         (end (+ (float-time) 300)))
    (set-process-window-size process 40 100)
    (while (and (process-live-p process) (< (float-time) end))
      (accept-process-output process 1))
    (princ (with-temp-buffer (insert-file-contents report) (buffer-string)))
    (when (process-live-p process)
      (kill-process process)
      (princ (format "no end in time:\n%s" (with-current-buffer screen
                                             (buffer-substring (max 1 (- (point-max) 2000)) (point-max))))))
    (kill-emacs (if (eq (process-status process) 'exit) (process-exit-status process) 1))))

(when noninteractive
  (run-outside))
