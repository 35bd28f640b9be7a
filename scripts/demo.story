# What is typed for the demo. Sourced by scripts/demo.
runs 'rialto work'
shows '>>>'
types 'import time'; enter
types 'def train(steps):'; enter
types 'for step in range(steps):'; enter
types 'print("step", step)'; enter
types 'time.sleep(0.5)'; enter
t send-keys BSpace
types 'return "trained"'; enter; enter
sleep 0.5
types 'train(60)'; enter
shows 'step 3'
t send-keys C-c
shows 'KeyboardInterrupt'
sleep 1.2
types 'train(12)'; enter
shows 'step 5'
kill_terminal
sleep 1.2
runs 'rialto ls'
sleep 2
runs 'rialto exec -s work -c "6 * 7"'
shows '42'
sleep 1
runs 'rialto work'
shows "'trained'"
sleep 2
types 'train.__name__'; enter
sleep 1.5
t send-keys C-d
sleep 1.5
